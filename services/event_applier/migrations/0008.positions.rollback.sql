DROP FUNCTION forget_old_shards;
ALTER TABLE applied_marker DROP COLUMN declared_at;
DROP TABLE applied_position;
DROP TABLE stream_shard;
