ALTER TABLE event DROP COLUMN metadata_text;
ALTER TABLE event DROP COLUMN payload_text;
