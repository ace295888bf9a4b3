-- The writer's guard, for an application of your own (rules A1, A16, C1). Ask it first in every transaction
-- that writes, as a statement of its own, outside any savepoint: SELECT require_authority('ca-central-1').
-- It returns the epoch, or raises LL001 and the reason.

CREATE FUNCTION authority_of(own_region text, OUT serving boolean, OUT epoch bigint, OUT reason text)
LANGUAGE sql STABLE AS $$$$
    SELECT found.reason = '', found.epoch, found.reason
    FROM (
        SELECT held.epoch, CASE
            WHEN pg_is_in_recovery() THEN 'this server is a replica'
            WHEN coalesce(own_region, '') = '' THEN 'the writer names no region'
            WHEN held.holder <> own_region THEN 'the holder is ' || coalesce(nullif(held.holder, ''), 'nobody')
            WHEN clock_timestamp() - held.renewed_from >= interval '$ttl seconds'
                THEN 'the last renewal is older than $ttl s'
            ELSE ''
        END AS reason
        FROM authority AS held
    ) AS found
$$$$;
COMMENT ON FUNCTION authority_of IS 'May this region serve now? For /health; it takes no lock.';

-- When each session asked last, until it commits: no row outlives its transaction.
CREATE TABLE authority_asked (pid integer PRIMARY KEY, at timestamptz NOT NULL) WITH (fillfactor = 50);

-- What was allowed is committed while it is still allowed: ttl and margin count on it (A1). The server's own
-- limit for a transaction ends one that hangs, but not after ROLLBACK TO SAVEPOINT, which switches it off.
CREATE FUNCTION authority_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$$$
DECLARE
    age interval;
BEGIN
    -- The row, not NEW: a transaction may ask again, and the last time counts.
    SELECT clock_timestamp() - asked.at INTO age FROM authority_asked AS asked WHERE asked.pid = NEW.pid;
    IF age >= interval '$transaction seconds' THEN
        RAISE EXCEPTION 'the authority was asked % s ago; a transaction commits within $transaction s',
            round(extract(epoch FROM age), 1) USING ERRCODE = 'LL001';
    END IF;
    DELETE FROM authority_asked AS asked WHERE asked.pid = NEW.pid;
    RETURN NULL;
END $$$$;
CREATE CONSTRAINT TRIGGER authority_at_commit AFTER INSERT OR UPDATE ON authority_asked
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION authority_at_commit();

CREATE FUNCTION require_authority(own_region text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$$$
DECLARE
    found record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'require_authority needs a transaction that is read committed, this one is %',
            current_setting('transaction_isolation') USING ERRCODE = 'LL001';
    END IF;
    IF current_setting('max_prepared_transactions')::integer > 0 THEN
        RAISE EXCEPTION 'require_authority needs max_prepared_transactions = 0: a prepared transaction keeps '
            'its permission for ever' USING ERRCODE = 'LL001';
    END IF;
    -- Off first: one that runs already, of the session's or the role's, would go on as it was.
    PERFORM set_config('transaction_timeout', '0', true);
    PERFORM set_config('transaction_timeout', '${transaction}s', true);
    -- Held to the end of the transaction: a new epoch waits for every writer of the old one (C1). The row is
    -- read by a statement of its own, which sees what the lock waited for.
    PERFORM pg_advisory_xact_lock_shared($lock);
    SELECT * INTO found FROM authority_of(own_region);
    IF found.serving IS NOT TRUE THEN
        RAISE EXCEPTION '% may not write: %', coalesce(own_region, 'nobody'),
            coalesce(found.reason, 'there is no authority row') USING ERRCODE = 'LL001';
    END IF;
    INSERT INTO authority_asked VALUES (pg_backend_pid(), clock_timestamp())
        ON CONFLICT (pid) DO UPDATE SET at = excluded.at;
    RETURN found.epoch;
END $$$$;
COMMENT ON FUNCTION require_authority IS 'First statement of every transaction that writes.';
