DROP TRIGGER number_newer_corrections ON observation_correction;
DROP TRIGGER number_new_corrections ON observation_correction;
DROP FUNCTION number_corrections();
DROP TABLE correction_version;
