-- depends: 0005.unexpected
-- C10: what the applier sets aside is a row of the apply transaction; `error.dlq` gets it from here.
CREATE TABLE dead_letter (
    id              text COLLATE "C" PRIMARY KEY,
    value           bytea NOT NULL,
    headers         json NOT NULL,
    detail          text NOT NULL,
    applied_epoch   bigint NOT NULL,
    written_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at    timestamptz,
    published_epoch bigint
);

CREATE INDEX dead_letter_unpublished ON dead_letter (written_at) WHERE published_at IS NULL;
