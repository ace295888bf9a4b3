-- depends: 0010.copied
-- B22: of which records of the log each day's events were made, so that a day is dropped only if the archive
-- holds those records, and an event of a day that is gone is not stored a second time.

-- The first and the last sequence of each pair in each partition of the log, by the UTC day of the events.
CREATE TABLE event_source (
    day         date NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    origin      text COLLATE "C" NOT NULL,
    incarnation text COLLATE "C" NOT NULL,
    shard       text COLLATE "C" NOT NULL,
    first       numeric NOT NULL,
    last        numeric NOT NULL,
    PRIMARY KEY (day, topic, partition, origin, incarnation, shard)
) WITH (fillfactor = 70);

-- One row. `day`: the first one that may still be stored. `noted_from`: days from it on have all their sources.
-- A release that does not note them may be at work for a day beside this one; an empty database has none.
CREATE TABLE event_floor (
    id         smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    day        date NOT NULL DEFAULT '-infinity',
    noted_from date NOT NULL
);
INSERT INTO event_floor (noted_from)
SELECT CASE WHEN EXISTS (SELECT FROM event) THEN (clock_timestamp() AT TIME ZONE 'UTC')::date + 2
    ELSE '-infinity'::date END;

-- What a person gave up of the archive: (after, until] of a pair in a partition, of one day's events.
CREATE TABLE accepted_gap (
    day         date NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    origin      text COLLATE "C" NOT NULL,
    incarnation text COLLATE "C" NOT NULL,
    shard       text COLLATE "C" NOT NULL,
    after       numeric NOT NULL,
    until       numeric NOT NULL,
    who         text NOT NULL,
    why         text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (day, topic, partition, origin, incarnation, shard, after, until)
);

-- While a restore has no end, no day is detached or dropped: it restores days past the hot retention, too.
ALTER TABLE archive_restore ADD COLUMN ended_at timestamptz;
ALTER TABLE archive_restore ADD COLUMN ended_by text;
ALTER TABLE archive_restore ADD COLUMN ended_why text;

CREATE FUNCTION end_archive_restore(who text, why text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH ended AS (
        UPDATE archive_restore SET ended_at = clock_timestamp(), ended_by = who, ended_why = why
        WHERE ended_at IS NULL RETURNING 1)
    SELECT count(*) FROM ended;
$$;

CREATE FUNCTION count_not_archived(
    detached text, topics text[], origins text[], incarnations text[], shards text[], afters numeric[],
    untils numeric[]) RETURNS bigint
-- The events of a detached day whose sequence lies within (after, until] of a pair, in any partition; with no
-- pair all of them. With the owner's rights: a detached table is nobody else's.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    events bigint;
BEGIN
    PERFORM FROM detached_partition WHERE name = detached;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no detached partition', detached;
    END IF;
    EXECUTE format('SELECT count(*) FROM %I AS e WHERE $1 = ''{}'' OR EXISTS (
        SELECT FROM unnest($1, $2, $3, $4, $5, $6) AS g (topic, origin, incarnation, shard, after, until)
        WHERE (e.topic, e.origin, e.incarnation, e.shard) = (g.topic, g.origin, g.incarnation, g.shard)
            AND e.shard_sequence > g.after AND e.shard_sequence <= g.until)', detached)
        INTO events USING topics, origins, incarnations, shards, afters, untils;
    RETURN events;
END $$;

CREATE OR REPLACE FUNCTION detach_old_partition(kept_days integer) RETURNS text
-- As before. It also raises the floor: what comes again of the day is not stored a second time.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today  date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    oldest text;
    its    date;
    is_used boolean;
BEGIN
    IF kept_days < 36 THEN
        RAISE EXCEPTION 'kept_days is %, and events of 35 days are taken: allowed are 36 and more', kept_days;
    END IF;
    LOCK TABLE detached_partition IN EXCLUSIVE MODE;  -- one task at a time
    IF EXISTS (SELECT FROM archive_restore WHERE ended_at IS NULL) THEN
        RETURN NULL;
    END IF;
    SELECT c.relname INTO oldest FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
        AND to_date(substr(c.relname, 7), 'YYYYMMDD') < today - kept_days
    ORDER BY c.relname LIMIT 1;
    IF oldest IS NULL THEN
        RETURN NULL;
    END IF;
    its := to_date(substr(oldest, 7), 'YYYYMMDD');
    -- It waits for those who write into the partition: what they applied is in `event_source` below.
    EXECUTE format('ALTER TABLE event DETACH PARTITION %I', oldest);
    UPDATE event_floor SET day = greatest(day, its + 1);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', oldest) INTO is_used;
    IF NOT is_used THEN
        EXECUTE format('DROP TABLE %I', oldest);
        RETURN oldest;
    END IF;
    -- No marker: the code that asked for markers keeps such a day.
    INSERT INTO detached_partition (name, day, markers) VALUES (oldest, its, '[]');
    RETURN oldest;
END $$;

CREATE OR REPLACE FUNCTION drop_detached_partition(detached text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM archive_restore WHERE ended_at IS NULL) THEN
        RAISE EXCEPTION 'a restore has no end yet: nothing is dropped';
    END IF;
    DELETE FROM detached_partition WHERE name = detached;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no detached partition', detached;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', detached);
END $$;

-- What is forgotten is found by its time, in tables that grow in its order.
CREATE INDEX quality_flag_old ON quality_flag USING brin (occurred_on);
CREATE INDEX observation_correction_old ON observation_correction USING brin (occurred_on);
CREATE INDEX unexpected_event_old ON unexpected_event USING brin (found_at);
CREATE INDEX dead_letter_old ON dead_letter USING brin (published_at);

CREATE FUNCTION forget_old_rows(kept_days integer DEFAULT 400, letter_days integer DEFAULT 60) RETURNS boolean
-- What grows with time and answers nothing any more; whether there is more of it. `kept_days`: longer than any
-- log keeps a record that may come again. `letter_days`: of a published letter; its record lies in `error.dlq`,
-- and in the archive. What is said of an event goes with the event. With the owner's rights: the workloads
-- delete nothing else.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    most  constant integer := 10000;  -- at once: within the limit of a transaction
    gone  timestamptz;
    done  bigint;
    is_more boolean := false;
BEGIN
    SELECT day::timestamp AT TIME ZONE 'UTC' INTO gone FROM event_floor;
    DELETE FROM event_source AS noted WHERE day < today - kept_days
        AND NOT EXISTS (SELECT FROM detached_partition AS kept WHERE kept.day = noted.day)
        AND to_regclass(format('event_%s', to_char(day, 'YYYYMMDD'))) IS NULL;
    DELETE FROM dead_letter WHERE ctid = ANY (ARRAY(SELECT ctid FROM dead_letter
        WHERE published_at < clock_timestamp() - make_interval(days => letter_days) LIMIT most));
    GET DIAGNOSTICS done = ROW_COUNT;
    is_more := is_more OR done = most;
    DELETE FROM unexpected_event WHERE ctid = ANY (ARRAY(SELECT ctid FROM unexpected_event
        WHERE found_at < clock_timestamp() - make_interval(days => kept_days) LIMIT most));
    GET DIAGNOSTICS done = ROW_COUNT;
    is_more := is_more OR done = most;
    DELETE FROM quality_flag WHERE ctid = ANY (ARRAY(SELECT ctid FROM quality_flag
        WHERE occurred_on < gone LIMIT most));
    GET DIAGNOSTICS done = ROW_COUNT;
    is_more := is_more OR done = most;
    DELETE FROM observation_correction WHERE ctid = ANY (ARRAY(SELECT ctid FROM observation_correction
        WHERE occurred_on < gone LIMIT most));
    GET DIAGNOSTICS done = ROW_COUNT;
    is_more := is_more OR done = most;
    RETURN is_more;
END $$;
