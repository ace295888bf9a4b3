DROP FUNCTION extend_event_partitions(integer, integer);
DROP TABLE event;
