"""An account that answers boto3 as AWS would: real clients, answers held against the service models.

As botocore's Stubber does it: the request is checked by the client, the answer by the operation's output
shape. Unlike a Stubber's, the answers have no order, so that calls may come from many threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.config import Config
from botocore.validate import validate_parameters


@dataclass(frozen=True)
class Refuse:
    """AWS's answer that is an error."""

    code: str
    message: str = ""
    status: int = 400


Reply = Callable[[str, Mapping[str, Any]], Mapping[str, Any] | Refuse]
"""From the region and the request's parameters (as given to boto3) to the answer."""


@dataclass
class FakeAccount:
    """Answers by (service, operation), as boto3 names them. An operation without one fails the test."""

    replies: Mapping[tuple[str, str], Reply]
    called: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str, *, region_name: str, config: Config) -> Any:
        """A boto3 client, as a session makes one, that never leaves this process."""
        made: Any = boto3.client
        client = made(
            service,
            region_name=region_name,
            config=config,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        names = {operation: name for name, operation in client.meta.method_to_api_mapping.items()}
        given = threading.local()

        def keep(params: Mapping[str, Any], **_more: Any) -> None:
            given.parameters = dict(params)

        def answer(model: Any, **_more: Any) -> tuple[AWSResponse, Mapping[str, Any]]:
            key = (service, names[model.name])
            with self._lock:
                self.called.add(key)
            said = self.replies[key](region_name, given.parameters)
            if isinstance(said, Refuse):
                error = {"Code": said.code, "Message": said.message}
                return AWSResponse("", said.status, HTTPHeaders(), None), {
                    "Error": error,
                    "ResponseMetadata": {"HTTPStatusCode": said.status},
                }
            validate_parameters(said, model.output_shape)
            return AWSResponse("", 200, HTTPHeaders(), None), said

        client.meta.events.register("provide-client-params.*.*", keep)
        client.meta.events.register("before-call.*.*", answer)
        return client
