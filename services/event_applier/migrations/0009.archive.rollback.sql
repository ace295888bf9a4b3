DROP FUNCTION drop_detached_partition(text);
DROP FUNCTION detach_old_partition(integer);
DROP TABLE archive_restore;
DROP TABLE detached_partition;
