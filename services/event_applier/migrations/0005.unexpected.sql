-- depends: 0004.verbatim
-- C9: an event whose id is stored with another content; and sequences too far from the others of their aggregate.
CREATE TABLE unexpected_event (
    event_id       uuid NOT NULL,
    occurred_on    timestamptz NOT NULL,
    content        bytea NOT NULL,
    event_type     text COLLATE "C" NOT NULL,
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    sequence       bigint NOT NULL,
    version        smallint NOT NULL,
    payload_text   json NOT NULL,
    metadata_text  json NOT NULL,
    origin         text COLLATE "C" NOT NULL,
    incarnation    text COLLATE "C" NOT NULL,
    shard          text COLLATE "C" NOT NULL,
    shard_sequence numeric NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    applied_epoch  bigint NOT NULL,
    found_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- `content` is a hash: one row for each content, however often it comes.
    PRIMARY KEY (event_id, occurred_on, content)
);

-- The run of sequences that an aggregate follows: from `first_sequence` to `sequence`, of `events` events.
-- An aggregate of the release before counts as many: no small run takes its place.
ALTER TABLE aggregate ADD COLUMN first_sequence bigint;
ALTER TABLE aggregate ADD COLUMN events bigint NOT NULL DEFAULT 1000000;
-- The other runs, stored and withheld from the aggregate: [first, sequence, events, occurred_on, event_id] each.
ALTER TABLE aggregate ADD COLUMN withheld_runs json;
