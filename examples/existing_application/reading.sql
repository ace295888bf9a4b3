CREATE TABLE reading (
    id       uuid PRIMARY KEY,
    patient  text NOT NULL,
    taken_at timestamptz NOT NULL,
    code     text NOT NULL,
    value    double precision NOT NULL
);
GRANT SELECT, INSERT ON reading TO vitals;
