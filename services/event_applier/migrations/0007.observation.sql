-- depends: 0006.dead_letter
-- What the events say of a patient's vital signs: where the newest values stand, what was corrected since, and
-- what is odd about a value. All of it is derived from `event`; a release that does not know it leaves it alone.

-- `readings`: the newest first, each `measured occurred_on event_id component`,
-- the times in microseconds; the values stay in `event`.
CREATE TABLE vital_sign (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    code           text COLLATE "C" NOT NULL,
    readings       text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, code)
) WITH (fillfactor = 70);

-- The newest Observation that corrects what it shares a name (a hash) with, whichever of them came first.
CREATE TABLE observation_correction (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    name           text COLLATE "C" NOT NULL,
    status         text COLLATE "C" NOT NULL,
    occurred_on    timestamptz NOT NULL,
    sequence       bigint NOT NULL,
    event_id       uuid NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, name)
);

-- Rows that fail a check of data quality are stored like any other; this says which check.
CREATE TABLE quality_flag (
    event_id    uuid NOT NULL,
    occurred_on timestamptz NOT NULL,
    code        text COLLATE "C" NOT NULL,
    flag        text COLLATE "C" NOT NULL,
    found_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (event_id, occurred_on, code, flag)
);
