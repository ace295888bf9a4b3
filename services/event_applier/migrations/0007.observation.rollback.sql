DROP TABLE quality_flag;
DROP TABLE observation_correction;
DROP TABLE vital_sign;
