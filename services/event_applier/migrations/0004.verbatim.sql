-- depends: 0003.derived
-- What the sender wrote, character by character (C8). `payload` and `metadata` are for the release before:
-- they go once no release reads them.
ALTER TABLE event ADD COLUMN payload_text json;
ALTER TABLE event ADD COLUMN metadata_text json;
