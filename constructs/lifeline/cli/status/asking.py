"""Many questions at once, each in a thread of its own, none waited for beyond a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.cli.status.facts import Unknown

T = TypeVar("T")


class Asking:
    """Questions with one deadline. Their threads end with the process: a hanging one holds nothing up."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self._ends - time.monotonic())

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """Begin to ask."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                found = question()
            except Exception as error:
                answer.set_exception(error)
            else:
                answer.set_result(found)

        threading.Thread(target=run, daemon=True).start()
        return answer

    def answer(self, asked: Future[Any]) -> Any:
        """What came until the deadline; Unknown with the reason otherwise."""
        try:
            return asked.result(self.left)
        except (TimeoutError, CancelledError):
            return Unknown(f"no answer within {self._seconds:g} s")
        except ClientError as error:
            return Unknown(str(error.response["Error"].get("Code", error)))
        except BotoCoreError as error:
            return Unknown(type(error).__name__)
        except (AttributeError, OSError, TypeError, ValueError, LookupError) as error:
            return Unknown(f"{type(error).__name__}: {error}")
