"""A page counts when the topic took it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lab.emulated_pages import keep_pages
from lab.engines import pages_file
from lab.sent_pages import sent_pages

TOPIC = "arn:aws:sns:ca-central-1:000000000000:critical-test"


def topics(taken: bool) -> Any:
    def publish(topic_arn: str, message: Any, subject: str = "", **_: Any) -> Any:
        return {"message_id": "1"} if taken else None

    return SimpleNamespace(publish_internal=publish)


def test_a_page_is_kept_with_its_region_and_words(tmp_path: Path) -> None:
    service = topics(taken=True)
    keep_pages(service, pages_file(tmp_path))
    answer = service.publish_internal(TOPIC, "text\nof two lines", "subject", message_group_id="")
    assert answer == {"message_id": "1"}
    (page,) = sent_pages(tmp_path)
    assert (page.region, page.topic) == ("ca-central-1", "critical-test")
    assert (page.subject, page.text) == ("subject", "text\nof two lines")
    assert page.at > 1_700_000_000


def test_what_no_topic_took_was_not_sent(tmp_path: Path) -> None:
    service = topics(taken=False)
    keep_pages(service, pages_file(tmp_path))
    assert service.publish_internal(TOPIC, "text") is None
    assert sent_pages(tmp_path) == []


def test_a_line_that_is_being_written_is_read_the_next_time(tmp_path: Path) -> None:
    service = topics(taken=True)
    keep_pages(service, pages_file(tmp_path))
    service.publish_internal(TOPIC, "text")
    with pages_file(tmp_path).open("a") as file:
        file.write('{"at": 1')
    assert len(sent_pages(tmp_path)) == 1
