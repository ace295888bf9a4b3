DROP TABLE applied_marker;
DROP TABLE aggregate;
