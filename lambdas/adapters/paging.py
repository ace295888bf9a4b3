"""Telling a person. A page that cannot be sent is logged; it never stops recovery."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)
SUBJECT_LIMIT = 100
"""Source: Amazon SNS, e-mail subjects."""


class Pager:
    """Publishes to the region's page topic."""

    def __init__(self, sns: Any, topic_arn: str) -> None:
        self._sns = sns
        self._topic = topic_arn

    def page(self, subject: str, text: str) -> None:
        """Publish once; never raises."""
        try:
            self._sns.publish(TopicArn=self._topic, Subject=subject[:SUBJECT_LIMIT], Message=text)
        except Exception as error:
            logger.warning("page not sent: %r", error)
