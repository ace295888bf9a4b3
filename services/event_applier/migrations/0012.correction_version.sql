-- depends: 0011.event_source
-- A number for each aggregate that changes with its corrections: a read that asks whether any changed looks at one
-- row, and not at every correction that there is.
CREATE SEQUENCE correction_version_number;

CREATE TABLE correction_version (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    number         bigint NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
) WITH (fillfactor = 70);

ALTER SEQUENCE correction_version_number OWNED BY correction_version.number;

CREATE FUNCTION number_corrections() RETURNS trigger
-- A number is given once. With the owner's rights: the release before writes corrections, too, and knows of no number.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO correction_version (aggregate_type, aggregate_id, number)
    SELECT aggregate_type, aggregate_id, nextval('correction_version_number')
    FROM (SELECT DISTINCT aggregate_type, aggregate_id FROM changed ORDER BY 1, 2) AS each
    ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET number = excluded.number;
    RETURN NULL;
END $$;

-- Two: one trigger sees the rows of one kind of change. What retention deletes is no change of a value.
CREATE TRIGGER number_new_corrections AFTER INSERT ON observation_correction
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION number_corrections();
CREATE TRIGGER number_newer_corrections AFTER UPDATE ON observation_correction
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION number_corrections();
