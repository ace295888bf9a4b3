"""What both logs' brokers are told. Without the CDK, so that the lab's brokers read it too."""

from __future__ import annotations

from lifeline.capacity import AVAILABILITY_ZONES, LOG_RETENTION_HOURS

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
BROKER_SETTINGS = {
    "auto.create.topics.enable": "false",
    "default.replication.factor": str(AVAILABILITY_ZONES),
    "log.message.timestamp.type": "CreateTime",
    "log.retention.hours": str(LOG_RETENTION_HOURS),
    "message.max.bytes": str(MAX_MESSAGE_BYTES),
    "min.insync.replicas": "2",
    "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
    # As the system sees fit: 100 KiB, Kafka's own, are 1.7 MB/s a connection over 60 ms (bench/long_link.py).
    "socket.receive.buffer.bytes": "-1",
    "socket.send.buffer.bytes": "-1",
    "unclean.leader.election.enable": "false",
}
