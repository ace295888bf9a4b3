"""librdkafka's settings for the region's own log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

from lifeline.lambdas.certificates.log_tls import VERIFIED_LOG
from lifeline.lambdas.contracts.log import GroupLog, LogAddress

LOOKUP_SECONDS = 5.0


def client_settings(settings: LogAddress, *, purpose: str) -> dict[str, Any]:
    """What every client of the log has: address, identity, bounded waits."""
    common: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "client.id": f"lifeline-{purpose}",
        "socket.timeout.ms": 5_000,
        "socket.connection.setup.timeout.ms": 3_000,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,
    }
    if settings.auth == "iam":
        common |= {
            **VERIFIED_LOG,
            "sasl.mechanism": "OAUTHBEARER",
            "oauth_cb": lambda _config: _iam_token(settings.region),
        }
    return common


def consumer_settings(settings: GroupLog, *, purpose: str, group: str) -> dict[str, Any]:
    """A consumer that never commits: positions come from the database or from the beginning (B14)."""
    return client_settings(settings, purpose=purpose) | {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": settings.session_ms,
        "heartbeat.interval.ms": settings.session_ms // 4,
        # A fetch costs by the number of batches it meets, so wait a little for more of them.
        "fetch.min.bytes": 65_536,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 65_536,
        "allow.auto.create.topics": False,
    }


def topic_ids(admin: AdminClient, topics: Iterable[str]) -> dict[str, str]:
    """A topic that is made anew has another id. Raises KafkaException."""
    asked = admin.describe_topics(TopicCollection(list(topics)), request_timeout=LOOKUP_SECONDS)
    return {topic: str(found.result().topic_id) for topic, found in asked.items()}


def _iam_token(region: str) -> tuple[str, float]:
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

    token, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
    return str(token), float(expires_ms) / 1000
