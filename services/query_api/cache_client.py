"""The cache's client: one thread and one connection, which hold up nothing but themselves.

Invariant: no caller waits longer than `BUDGET_SECONDS`, whatever cache, name server or sign-in do.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from valkey.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    ReadOnlyError,
    ValkeyError,
)

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.services.shared.log_lines import say

BUDGET_SECONDS = 0.05
"""What a read may lose by asking the cache: a quarter of what the API's alarm takes for slow (200 ms)."""
ANSWER_SECONDS = 1.0
"""What the thread itself gives the cache for an answer."""
LATE_ANSWERS = 3
"""In a row, after which the cache is not asked for a while."""
PAUSES_SECONDS = (1.0, 5.0, 15.0, 30.0)
"""Between two attempts to have a cache that answers in time; the last one is kept."""
STEADY_SECONDS = 60.0
"""A cache that served as long begins with the shortest pause again; one that comes and goes does not."""
IDLE_SECONDS = 5.0
"""After which the connection is tried, so that a dead one is found before a reader finds it."""
MOST_WAITING = 256
BATCH = 64
"""Calls in one round trip."""
MAX_ENTRY_BYTES = 65_536
REFUSALS = (ReadOnlyError, NoPermissionError, AuthenticationError, AuthorizationError)
"""Answers after which the next one is no better: another node is the primary (its name leads there after a
new look), or this client may not do what it asks."""
TRIED = "lifeline-tried"
"""A name that nothing stands under."""


@dataclass
class _Call:
    """One command. Nobody waits for an answer to a write."""

    command: tuple[Any, ...]
    deadline: float
    answer: queue.Queue[Any] | None = field(default=None)


class CacheClient:
    """Gets and puts of byte strings. `connect` answers a Valkey client and may take its time, or raise.

    While the cache does not answer in time, the breaker is open: nobody asks it, and the thread tries again.
    """

    def __init__(self, connect: Callable[[], Any], clock: Clock = SYSTEM_CLOCK) -> None:
        self._connect, self._clock = connect, clock
        self._calls: queue.Queue[_Call] = queue.Queue(MOST_WAITING)
        self._closed, self._late = threading.Event(), 0
        self.failures: Counter[str] = Counter()
        """What went wrong, by the error's name; only the thread writes it."""
        self.is_open = True
        """The breaker: whether the cache is not asked."""
        threading.Thread(target=self._run, name="cache", daemon=True).start()

    def get(self, name: str) -> Any:
        """What stands there, as bytes; None: nothing, or not in time. What is no entry may be anything."""
        if self.is_open:
            return None
        call = _Call(
            # Not GET: whoever put a giant there must not fill this process.
            ("GETRANGE", name, 0, MAX_ENTRY_BYTES),
            self._clock.monotonic() + BUDGET_SECONDS,
            queue.Queue(1),
        )
        assert call.answer is not None
        try:
            self._calls.put_nowait(call)
            found = call.answer.get(timeout=BUDGET_SECONDS)
        except (queue.Full, queue.Empty):
            self._late += 1
            if self._late >= LATE_ANSWERS:
                self.is_open = True
            return None
        self._late = 0
        return found or None

    def put(self, name: str, entry: bytes, seconds: int) -> None:
        """Soon, if the cache takes it; it goes after `seconds` by itself."""
        if self.is_open or len(entry) > MAX_ENTRY_BYTES:
            return
        try:
            call = _Call(
                ("SET", name, entry, "EX", seconds), self._clock.monotonic() + IDLE_SECONDS
            )
            self._calls.put_nowait(call)
        except queue.Full:
            self.failures["Full"] += 1

    def close(self) -> None:
        """End the thread, soon."""
        self._closed.set()

    def _run(self) -> None:
        attempt, served_since = 0, None
        while not self._closed.is_set():
            client = None
            try:
                client = self._connect()
                self._try(client)
                _require_permission(client)
                served_since = self._clock.monotonic()
                self._late, self.is_open = 0, False
                say("cache answers")
                self._serve(client)
            except Exception as error:  # whatever it is: a thread that ends is never replaced
                self.failures[type(error).__name__] += 1
                if served_since is not None or not attempt:
                    say("cache does not answer", error=type(error).__name__)
            self.is_open = True
            self._refuse_waiting()
            if client is not None:
                _leave(client)
            if served_since is not None and self._clock.monotonic() - served_since > STEADY_SECONDS:
                attempt = 0
            served_since = None
            self._clock.wait(self._closed, PAUSES_SECONDS[min(attempt, len(PAUSES_SECONDS) - 1)])
            attempt += 1

    def _try(self, client: Any) -> None:
        """Raises TimeoutError for a cache that is there and slow."""
        client.ping()  # connects and signs in, which may take longer
        asked_at = self._clock.monotonic()
        client.ping()
        if self._clock.monotonic() - asked_at > BUDGET_SECONDS:
            raise TimeoutError("slow")

    def _serve(self, client: Any) -> None:
        """Until a call fails, or too many came late."""
        while not self._closed.is_set():
            try:
                calls = [self._calls.get(timeout=IDLE_SECONDS)]
            except queue.Empty:
                self._try(client)
            else:
                while len(calls) < BATCH and not self._calls.empty():
                    calls.append(self._calls.get_nowait())
                self._ask(client, calls)
            if self.is_open:
                raise TimeoutError("slow")

    def _ask(self, client: Any, calls: list[_Call]) -> None:
        now = self._clock.monotonic()
        awaited = [call for call in calls if call.deadline > now]
        if not awaited:
            return
        pipeline = client.pipeline(transaction=False)
        for call in awaited:
            pipeline.execute_command(*call.command)
        try:
            answers = pipeline.execute(raise_on_error=False)
        except Exception:
            _answer(awaited, [None] * len(awaited))
            raise
        _answer(awaited, answers)
        for answer in answers:
            if isinstance(answer, ValkeyError):
                self.failures[type(answer).__name__] += 1
            if isinstance(answer, REFUSALS):
                raise answer

    def _refuse_waiting(self) -> None:
        while not self._calls.empty():
            _answer([self._calls.get_nowait()], [None])


def _require_permission(client: Any) -> None:
    """Raises one of `REFUSALS` where gets or puts would be refused. Changes nothing: XX writes over only."""
    pipeline = client.pipeline(transaction=False)
    pipeline.execute_command("GETRANGE", TRIED, 0, 0)
    pipeline.execute_command("SET", TRIED, b"", "XX", "EX", 1)
    for answer in pipeline.execute(raise_on_error=False):
        if isinstance(answer, REFUSALS):
            raise answer


def _answer(calls: list[_Call], answers: list[Any]) -> None:
    for call, answer in zip(calls, answers, strict=True):
        if call.answer is not None:
            call.answer.put_nowait(answer)


def _leave(client: Any) -> None:
    try:
        client.close()
    except Exception:  # it is gone, which is what was wanted
        return
