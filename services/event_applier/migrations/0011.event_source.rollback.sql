DROP FUNCTION end_archive_restore(text, text);
DROP TABLE accepted_gap;
DROP TABLE event_floor;
DROP TABLE event_source;
ALTER TABLE archive_restore DROP COLUMN ended_why;
ALTER TABLE archive_restore DROP COLUMN ended_by;
ALTER TABLE archive_restore DROP COLUMN ended_at;
