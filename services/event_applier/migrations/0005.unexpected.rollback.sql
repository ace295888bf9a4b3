ALTER TABLE aggregate DROP COLUMN withheld_runs;
ALTER TABLE aggregate DROP COLUMN events;
ALTER TABLE aggregate DROP COLUMN first_sequence;
DROP TABLE unexpected_event;
