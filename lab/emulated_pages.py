"""The pages as they are sent: a topic of the emulator delivers to nobody.

Runs in the emulator's process. A page is kept when the topic took it, as a subscriber would get it.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any


def keep_pages(topics: Any, file: Path) -> None:
    """Append a line for each message that a topic took. `topics`: `ministack.services.sns`."""
    publish = topics.publish_internal
    alone = threading.Lock()

    def kept(topic_arn: str, message: Any, subject: str = "", **further: Any) -> Any:
        answer = publish(topic_arn, message, subject, **further)
        if answer is not None:
            line = {
                "at": time.time(),
                "region": topic_arn.split(":")[3],
                "topic": topic_arn.rsplit(":", 1)[1],
                "subject": subject,
                "text": message,
            }
            with alone, file.open("a") as log:
                log.write(json.dumps(line) + "\n")
        return answer

    topics.publish_internal = kept
