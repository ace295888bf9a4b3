ALTER TABLE event ALTER COLUMN applied_at SET DEFAULT clock_timestamp();
