-- Who may serve (A1) and who lately did. One row; the keeper and the recovery plan write it.
CREATE TABLE authority (
    id           smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    epoch        bigint NOT NULL,
    holder       text COLLATE "C" NOT NULL,
    renewals     bigint NOT NULL DEFAULT 0,
    renewed_from timestamptz NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

INSERT INTO authority (epoch, holder, renewed_from) VALUES (0, '', 'epoch');

CREATE TABLE heartbeat (
    region text COLLATE "C" NOT NULL,
    role   text COLLATE "C" NOT NULL,
    epoch  bigint NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (region, role)
);
