-- Once, at the writer, as who may create users. Functions sign in with IAM.
CREATE USER vitals;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
        GRANT rds_iam TO vitals;
    END IF;
END $$;

CREATE TABLE reading (
    id       uuid PRIMARY KEY,
    patient  text NOT NULL,
    taken_at timestamptz NOT NULL,
    code     text NOT NULL,
    value    double precision NOT NULL
);
GRANT SELECT, INSERT ON reading TO vitals;
