"""What the terminal hears: each decision once, with its reason, counted from the fault; and a bar."""

from __future__ import annotations

import io
from typing import Any

import pytest

from drill.platform_records import instant_text
from drill.progress import Bar, drawing
from drill.telling import Telling


def decision(at: float, action: str, reason: str, **evidence: Any) -> dict[str, Any]:
    return {
        "at": instant_text(at), "region": "ca-west-1", "action": action, "reason": reason,
        "evidence": evidence,
    }  # fmt: skip


def test_each_decision_is_told_once_with_its_reason() -> None:
    said: list[str] = []
    telling = Telling(said.append)
    telling.phases.append(("streaming", 1_000.0))
    earlier = decision(990.0, "renew", "holder")
    waits = decision(1_005.0, "hold", "lease-moves")
    telling.decisions([earlier, waits])
    telling.lost_at = 1_060.0
    held = decision(1_070.0, "hold", "lease-not-expired", unmoved_seconds=10.0)
    telling.decisions([earlier, waits, held])
    telling.decisions([earlier, waits, held, decision(1_090.0, "take", "active-lost")])
    assert said == [
        "drill:     5 s  ca-west-1 holds: lease moves",
        "drill: T+10 s  ca-west-1 holds: lease not expired, 20 s to go",
        "drill: T+30 s  ca-west-1 takes the lease: active lost",
    ]


def test_a_reading_passes_everything_on_and_says_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    assert list(Bar(said.append).over(range(3_000), "comparing", 3_000)) == list(range(3_000))
    assert said[0].startswith("drill: comparing: 3,000 rows")
    assert len(said) == 1


def test_a_terminal_sees_the_bar_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    list(Bar(lambda _: None).over(range(3_000), "comparing", 6_000))
    assert "comparing  [####" in terminal.getvalue()
    assert drawing("comparing", 50, 100) == f"drill: comparing  [{'#' * 12}{'-' * 12}]  50%"
    assert "99%" in drawing("comparing", 300, 100)
    assert "0%" in drawing("comparing", 300, 0)
