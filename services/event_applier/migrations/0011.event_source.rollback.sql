CREATE OR REPLACE FUNCTION detach_old_partition(kept_days integer) RETURNS text
-- The oldest day that is older than so many days; null when there is none. One without an event is dropped at
-- once. With the owner's rights: the workloads detach such days and nothing else. Not concurrently: PostgreSQL
-- does not, beside a default partition.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today  date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    oldest text;
    is_used boolean;
BEGIN
    IF kept_days < 36 THEN
        RAISE EXCEPTION 'kept_days is %, and events of 35 days are taken: allowed are 36 and more', kept_days;
    END IF;
    LOCK TABLE detached_partition IN EXCLUSIVE MODE;  -- one task at a time
    SELECT c.relname INTO oldest FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
        AND to_date(substr(c.relname, 7), 'YYYYMMDD') < today - kept_days
    ORDER BY c.relname LIMIT 1;
    IF oldest IS NULL THEN
        RETURN NULL;
    END IF;
    -- It waits for those who write into the partition: what they applied is in the rows that are read below.
    EXECUTE format('ALTER TABLE event DETACH PARTITION %I', oldest);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', oldest) INTO is_used;
    IF NOT is_used THEN
        EXECUTE format('DROP TABLE %I', oldest);
        RETURN oldest;
    END IF;
    INSERT INTO detached_partition (name, day, markers)
    SELECT oldest, to_date(substr(oldest, 7), 'YYYYMMDD'), coalesce(json_agg(json_build_array(
        topic, partition, origin, incarnation, shard, sequence::text,
        floor(extract(epoch FROM clock_timestamp() - record_time) * 1000)::bigint)), '[]'::json)
    FROM applied_marker WHERE sequence IS NOT NULL;
    RETURN oldest;
END $$;

CREATE OR REPLACE FUNCTION drop_detached_partition(detached text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM detached_partition WHERE name = detached;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no detached partition', detached;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', detached);
END $$;

