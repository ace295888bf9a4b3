-- depends: 0006.dead_letter
-- B24: of which shards each shard was made. B26: how far one epoch applied each partition itself.
CREATE TABLE stream_shard (
    origin      text COLLATE "C" NOT NULL,
    incarnation text COLLATE "C" NOT NULL,
    shard       text COLLATE "C" NOT NULL,
    parents     text[] COLLATE "C" NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (origin, incarnation, shard)
);

CREATE TABLE applied_position (
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    log_id      text COLLATE "C" NOT NULL,
    epoch       bigint NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 70);

ALTER TABLE applied_marker ADD COLUMN declared_at timestamptz DEFAULT clock_timestamp();

CREATE FUNCTION forget_old_shards(kept_days integer DEFAULT 35)
-- With the owner's rights: the workloads delete nothing else. No log keeps records for so long.
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM applied_marker
    WHERE greatest(record_time, declared_at) < clock_timestamp() - make_interval(days => kept_days);
    DELETE FROM stream_shard AS known
    WHERE declared_at < clock_timestamp() - make_interval(days => kept_days)
        AND NOT EXISTS (
            SELECT FROM applied_marker AS held
            WHERE held.origin = known.origin AND held.incarnation = known.incarnation
                AND (held.shard = known.shard OR held.shard = ANY (known.parents)));
$$;
