DROP TABLE heartbeat;
DROP TABLE authority;
