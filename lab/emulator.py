"""Launcher of the AWS emulator; runs in the emulator's own environment (`.venv-emulator`).

What differs from its own entry point:

- Each Kinesis call used to sweep every stored record for expiry: after some minutes at 1,667
  records/s the stream falls behind for that alone. Here a thread sweeps once a minute.
- A function made by CloudFormation used to end the running copies of its namesakes in *every* region: a
  custom resource under way in one region died when the other region's stack made the same function.
- The garbage collector is tuned: millions of small records make its full passes long.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

SWEEP_SECONDS = 60.0


def sweep_by_the_minute(kinesis: Any) -> None:
    """Replace the per-call sweep of a `ministack.services.kinesis` module by a thread."""
    expire_one: Callable[[dict[str, Any]], None] = kinesis._expire_records
    kinesis._expire_records = lambda _stream: None

    def sweep() -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            for _key, stream in list(kinesis._streams.all_items()):
                expire_one(stream)

    threading.Thread(target=sweep, name="kinesis-sweep", daemon=True).start()


def keep_to_the_region(functions: Any, responses: Any) -> None:
    """Scope a `ministack.services.lambda_svc` module's invalidation to the region of the request."""
    everywhere: Callable[..., None] = functions.invalidate_worker

    def here(
        name: str,
        qualifier: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> None:
        everywhere(
            name,
            qualifier=qualifier,
            account=account or responses.get_account_id(),
            region=region or responses.get_region(),
        )

    functions.invalidate_worker = here


def main() -> None:
    """Run the emulator in the foreground, where its environment says (port, host)."""
    from ministack import app  # type: ignore[import-not-found]
    from ministack.core import responses  # type: ignore[import-not-found]
    from ministack.services import kinesis, lambda_svc  # type: ignore[import-not-found]

    sweep_by_the_minute(kinesis)
    keep_to_the_region(lambda_svc, responses)
    gc.set_threshold(50_000, 20, 50)
    app.main()


if __name__ == "__main__":
    main()
