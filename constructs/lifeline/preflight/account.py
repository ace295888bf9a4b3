"""The account as the probes see it: boto3 clients with short time-outs, every question asked once."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from lifeline.preflight.probe import IN_REGION, Answer, Ask

CONNECT_SECONDS = 3.0
READ_SECONDS = 8.0
ATTEMPTS = 3
"""Retries are for throttling: many small reads start at once."""

DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "ForbiddenException",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)
REFUSED_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    }
)
"""What a service answers to credentials that are not valid, or not in that region (not opted in)."""


class NotAnswered(Exception):
    """A question without an answer: `sentence` says why, `mend` what would get one."""

    def __init__(self, sentence: str, mend: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.mend = mend


class Account:
    """Asks AWS. `session` is a boto3 session; the same question asked twice goes out once."""

    def __init__(self, session: Any, *, read_seconds: float = READ_SECONDS) -> None:
        self._session = session
        self._read_seconds = read_seconds
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._asked: dict[str, Future[Answer]] = {}

    @property
    def questions(self) -> int:
        """How many different questions were asked."""
        return len(self._asked)

    def ask(self, ask: Ask, region: str, parameters: Mapping[str, Any]) -> Answer:
        """The answer to one call in `region`. Raises NotAnswered."""
        region = str(parameters.get(IN_REGION) or ask.region or region)
        given = {key: value for key, value in parameters.items() if key != IN_REGION}
        taken = sorted(ask.absent), sorted(ask.taken)
        key = json.dumps([ask.service, region, ask.operation, given, taken], sort_keys=True)
        with self._lock:
            future = self._asked.get(key)
            mine = future is None
            if future is None:
                future = self._asked[key] = Future()
        if mine:
            try:
                future.set_result(Answer(parameters, self._call(ask, region, given)))
            except BaseException as reason:
                # Whoever waits for the same answer must not wait for ever.
                future.set_exception(reason)
        return Answer(parameters, future.result().body)

    def _call(self, ask: Ask, region: str, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            PartialCredentialsError,
            TokenRetrievalError,
        )

        where = f"{ask.service} {ask.operation} in {region}"
        try:
            client = self._client(ask.service, region)
            if client.can_paginate(ask.operation):
                pages = client.get_paginator(ask.operation).paginate(**given)
                found: Mapping[str, Any] = pages.build_full_result()
                return found
            answer: Mapping[str, Any] = getattr(client, ask.operation)(**given)
            return answer
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code in ask.absent:
                return None
            if code in ask.taken:
                return {"Code": code}
            raise _refused(ask, where, code, str(error)) from error
        except (NoCredentialsError, PartialCredentialsError, TokenRetrievalError) as error:
            raise NotAnswered(
                f"{where}: {error}", "aws sso login     # or: export AWS_PROFILE=…"
            ) from error
        except BotoCoreError as error:
            raise NotAnswered(
                f"{where}: no answer ({type(error).__name__})",
                f"look whether this machine reaches {ask.service} in {region}, then ask again",
            ) from error

    def _client(self, service: str, region: str) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._read_seconds,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        # A session must not make two clients at once (Boto3 guide, thread safety).
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service, region_name=region, config=config
                )
            return self._clients[key]


def _refused(ask: Ask, where: str, code: str, said: str) -> NotAnswered:
    if code in DENIED:
        return NotAnswered(
            f"{where}: access denied; the permission {ask.permission} is missing",
            f"allow {ask.permission} (all of them: lifeline preflight --policy)",
        )
    if code in REFUSED_CREDENTIALS:
        return NotAnswered(
            f"{where}: the credentials are not accepted there ({code}): they have ended, or the region is "
            "not enabled",
            "aws sso login     # and see the probe region-enabled",
        )
    return NotAnswered(
        f"{where}: {said}", "ask again; if it stays, ask by hand and read the answer"
    )
