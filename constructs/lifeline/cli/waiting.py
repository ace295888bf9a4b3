"""Waiting with an end: what is waited for says in a sentence why it is not there yet."""

from __future__ import annotations

from collections.abc import Callable

from lifeline.cli.failure import Refused, Unreachable
from lifeline.cli.output import Output
from lifeline.lambdas.failover.clock import Clock

PAUSE_SECONDS = 2.0


class Deadline:
    """One end for everything that a command waits for. `after` is what a person runs when it is over."""

    def __init__(self, clock: Clock, seconds: float, output: Output, *, after: str) -> None:
        self._clock, self._output, self._after = clock, output, after
        self._seconds = seconds
        self._until = clock.monotonic() + seconds

    def until(self, what: str, look: Callable[[], str]) -> None:
        """Ask until `look` says nothing more. A new sentence is progress, and is shown.

        A service that does not answer is a sentence, too: nothing is known, so the question stands.
        Raises Refused with the last sentence when the time is up.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        shown = ""
        while True:
            try:
                said = look()
            except (BotoCoreError, ClientError, OSError, Unreachable) as error:
                said = f"cannot tell: {error}"
            if not said:
                return
            if said != shown:
                self._output.note(f"waiting for {what}: {said}")
                shown = said
            if self._clock.monotonic() >= self._until:
                raise Refused(
                    f"{what[0].upper()}{what[1:]}: not within {self._seconds:g} s: {said}. {self._after}"
                )
            self._clock.sleep(PAUSE_SECONDS)
