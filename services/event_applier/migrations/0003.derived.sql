-- depends: 0002.event
-- The newest state of each aggregate (C4), and how far each pair's log partition is applied (B13).
CREATE TABLE aggregate (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    sequence       bigint NOT NULL,
    occurred_on    timestamptz NOT NULL,
    event_id       uuid NOT NULL,
    state          jsonb NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
) WITH (fillfactor = 70);

CREATE TABLE applied_marker (
    origin      text COLLATE "C" NOT NULL,
    incarnation text COLLATE "C" NOT NULL,
    shard       text COLLATE "C" NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    sequence    numeric,
    born        timestamptz,
    record_time timestamptz,
    PRIMARY KEY (topic, partition, origin, incarnation, shard)
) WITH (fillfactor = 70);
