-- depends: 0001.authority
-- Events by the UTC day they occurred on; what fits no day lies in the default partition (C3).
CREATE SEQUENCE event_apply_no;

CREATE TABLE event (
    occurred_on    timestamptz NOT NULL,
    event_id       uuid NOT NULL,
    event_type     text COLLATE "C" NOT NULL,
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    sequence       bigint NOT NULL,
    version        smallint NOT NULL,
    payload        jsonb NOT NULL,
    metadata       jsonb NOT NULL,
    origin         text COLLATE "C" NOT NULL,
    incarnation    text COLLATE "C" NOT NULL,
    shard          text COLLATE "C" NOT NULL,
    shard_sequence numeric NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    applied_epoch  bigint NOT NULL,
    apply_no       bigint NOT NULL DEFAULT nextval('event_apply_no'),
    applied_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The key (occurred_on, event_id), id first: one index also serves the lookup by id alone.
    PRIMARY KEY (event_id, occurred_on)
) PARTITION BY RANGE (occurred_on);

ALTER SEQUENCE event_apply_no OWNED BY event.apply_no;

CREATE TABLE event_default PARTITION OF event DEFAULT;

CREATE FUNCTION extend_event_partitions(days_back integer DEFAULT 36, days_ahead integer DEFAULT 2)
-- With the owner's rights: the workloads extend the window and may not otherwise change the schema.
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today   date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    one_day date;
    made    integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7310002);
    FOR one_day IN SELECT d::date FROM generate_series(today - days_back, today + days_ahead, interval '1 day') d
    LOOP
        CONTINUE WHEN to_regclass(format('event_%s', to_char(one_day, 'YYYYMMDD'))) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF event FOR VALUES FROM (%L) TO (%L)',
                           'event_' || to_char(one_day, 'YYYYMMDD'),
                           one_day::text || ' 00:00:00+00', (one_day + 1)::text || ' 00:00:00+00');
            made := made + 1;
        EXCEPTION WHEN check_violation THEN
            -- The default partition holds rows of this day already: they stay there, and are found there.
            RAISE WARNING 'no partition for %: the default partition holds rows of it', one_day;
        END;
    END LOOP;
    RETURN made;
END $$;
