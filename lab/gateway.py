"""The edge gateway of one region: stands for API Gateway, which the emulator cannot join to Kinesis.

It renders the deployed API's own mapping templates (request and response), calls PutRecords through
the region's fault proxy, and forwards the three reads to the region's query API. It enforces what the
real services would and the emulator does not: tokens of the region's user pool with the scope that the
deployed method asks for, 10 MB bodies, 1 to 500 events, 1 MiB records, time-outs. The token endpoint
(`POST /oauth2/token`) is here too, so that it is lost with its region.

    python -m lab.gateway DEFINITION.json
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from lab.authorizer import Authorizer, Unauthorized
from lab.places import LOOPBACK
from lab.vtl import MappingTemplate
from lifeline.lambdas.contracts.query_api import TOKEN_HEADER

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_RECORD_BYTES = 1024 * 1024
MAX_EVENTS = 500
STREAM_TIMEOUT_SECONDS = 5.0
QUERY_API_TIMEOUT_SECONDS = 2.5
IDLE_SECONDS = 60.0
FORWARDED = re.compile(r"^/(health|v1/watermark|v1/events/[^/]+|v1/patients/[^/]+/vital-signs)$")


@dataclass(frozen=True)
class ApiDefinition:
    """The POST method of the deployed API. `responses`: (status pattern, status, template)."""

    region: str
    account: str
    port: int
    stream_url_port: int
    query_api_port: int
    query_api_ca_file: str
    request_template: str
    responses: tuple[tuple[str, int, str], ...]
    stage_variables: dict[str, str]
    user_pool: str
    write_scope: str
    read_scope: str

    @classmethod
    def read(cls, path: Path) -> ApiDefinition:
        given = json.loads(path.read_text())
        given["responses"] = tuple((p, int(s), t) for p, s, t in given["responses"])
        return cls(**given)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({**self.__dict__, "responses": list(self.responses)}, indent=1))


class Refusal(Exception):
    """The request is answered without calling the stream."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Upstream:
    """Kept-alive connections to one port, one for each thread.

    `ca_file`: by TLS, verified against this root, which is read anew for each connection: a task that
    starts makes another. (The real API takes a root that it does not know, and checks the host like this.)
    """

    def __init__(self, port: int, timeout_seconds: float, ca_file: str = "") -> None:
        self._port = port
        self._ca_file = ca_file
        self._timeout = timeout_seconds
        self._local = threading.local()

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body. Raises OSError or HTTPException."""
        reused = getattr(self._local, "connection", None) is not None
        try:
            return self._once(method, path, body, headers or {})
        except (http.client.HTTPException, ConnectionError, BrokenPipeError):
            self.drop()
            if not reused:
                raise
            # A kept connection that the other side had closed says nothing about the service.
            return self._once(method, path, body, headers or {})
        except OSError:
            self.drop()
            raise

    def _once(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connection()
            self._local.connection = connection
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._ca_file:
            return http.client.HTTPConnection(LOOPBACK, self._port, timeout=self._timeout)
        context = ssl.create_default_context(cafile=self._ca_file)
        return http.client.HTTPSConnection(
            LOOPBACK, self._port, timeout=self._timeout, context=context
        )

    def drop(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()


class Api:
    """The behaviour of the API, without HTTP."""

    def __init__(self, definition: ApiDefinition) -> None:
        self.definition = definition
        self._stream = Upstream(definition.stream_url_port, STREAM_TIMEOUT_SECONDS)
        self._query_api = Upstream(
            definition.query_api_port, QUERY_API_TIMEOUT_SECONDS, definition.query_api_ca_file
        )
        self._authorizer = Authorizer(definition.user_pool, self._signing_keys)
        self._request = MappingTemplate(definition.request_template)
        self._responses = [
            (re.compile(pattern) if pattern else None, status, MappingTemplate(template))
            for pattern, status, template in definition.responses
        ]

    def token(self, body: bytes, authorization: str) -> tuple[int, bytes]:
        """`POST /oauth2/token`, answered by the emulator."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": authorization,
        }
        try:
            return self._stream.call("POST", "/oauth2/token", body, headers)
        except (OSError, http.client.HTTPException):
            raise Refusal(503, "The token endpoint cannot be reached.") from None

    def authorize(self, authorization: str, scope: str) -> None:
        """Raises Refusal as the authorizer would: 401, whatever is wrong with the token."""
        try:
            self._authorizer.require(authorization, scope)
        except Unauthorized:
            raise Refusal(401, "UNAUTHORIZED") from None
        except (OSError, http.client.HTTPException):
            raise Refusal(500, "AUTHORIZER_FAILURE") from None

    def _signing_keys(self) -> list[dict[str, Any]]:
        path = f"/{self.definition.user_pool}/.well-known/jwks.json"
        status, body = self._stream.call("GET", path)
        if status != 200:
            raise OSError(f"the pool's keys: status {status}")
        keys: list[dict[str, Any]] = orjson.loads(body)["keys"]
        return keys

    def post_events(self, body: bytes) -> tuple[int, bytes]:
        """`POST /v1/events`."""
        document = self._checked(body)
        context: dict[str, Any] = {"requestId": "lab", "responseOverride": {}}
        try:
            rendered = self._render(self._request, body, document, context)
            records = orjson.loads(rendered)["Records"]
        except (orjson.JSONDecodeError, KeyError) as error:
            raise Refusal(400, f"The events cannot be mapped to records: {error}.") from error
        for number, record in enumerate(records):
            # base64 is 4/3 of what it holds.
            if len(record["Data"]) * 3 // 4 + len(record["PartitionKey"]) > MAX_RECORD_BYTES:
                raise Refusal(413, f"Event {number} is above 1 MiB.")
        try:
            status, answer = self._stream.call("POST", "/", rendered, self._signed())
        except (OSError, http.client.HTTPException):
            raise Refusal(503, "The stream cannot be reached.") from None
        return self._mapped(status, answer)

    def forward(self, path: str, token: str = "") -> tuple[int, bytes]:
        """The reads, answered by the query API, which is told the caller's token."""
        try:
            return self._query_api.call("GET", path, headers={TOKEN_HEADER: token})
        except (OSError, http.client.HTTPException):
            raise Refusal(503, "The read API cannot be reached.") from None

    def _checked(self, body: bytes) -> Any:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Refusal(400, "The body is not JSON.") from None
        events = document.get("events") if isinstance(document, dict) else None
        if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
            raise Refusal(400, f"The body must hold `events`, a list of 1 to {MAX_EVENTS}.")
        return document

    def _signed(self) -> dict[str, str]:
        """What names service and region to the proxy and the emulator; nobody checks the rest."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{self.definition.account}/{stamp[:8]}/{self.definition.region}/kinesis"
        return {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Kinesis_20131202.PutRecords",
            "X-Amz-Date": stamp,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature=lab",
        }

    def _mapped(self, status: int, answer: bytes) -> tuple[int, bytes]:
        """The response template whose pattern matches the status, else the default one."""
        chosen = next(
            (row for row in self._responses if row[0] and row[0].fullmatch(str(status))),
            next((row for row in self._responses if row[0] is None), None),
        )
        if chosen is None:
            # As API Gateway does when no integration response matches.
            raise Refusal(500, f"No response of the API is mapped to the stream's {status}.")
        _pattern, mapped_status, template = chosen
        context: dict[str, Any] = {"requestId": "lab", "responseOverride": {}}
        try:
            document = orjson.loads(answer)
        except orjson.JSONDecodeError:
            document = {}
        rendered = self._render(template, answer, document, context)
        return int(context["responseOverride"].get("status", mapped_status)), rendered

    def _render(
        self, template: MappingTemplate, body: bytes, document: Any, context: dict[str, Any]
    ) -> bytes:
        variables = self.definition.stage_variables
        return template.render(body, document, context=context, stage_variables=variables).encode()


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept-alive connections; one thread a connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # One segment for head and body: otherwise each answer waits for a delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    api: Api

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(lambda: self.api.forward(self.path))
        elif FORWARDED.match(self.path):
            self._answer(self._read)
        else:
            self._answer(lambda: (404, b'{"message": "Not found."}'))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(413, b'{"message": "The body is above 10 MB."}')
            return
        body = self.rfile.read(length)
        if self.path == "/v1/events":
            self._answer(lambda: self._write(body))
        elif self.path == "/oauth2/token":
            self._answer(lambda: self.api.token(body, self._credentials))
        else:
            self._answer(lambda: (404, b'{"message": "Not found."}'))

    def _read(self) -> tuple[int, bytes]:
        self.api.authorize(self._credentials, self.api.definition.read_scope)
        return self.api.forward(self.path, self._credentials)

    def _write(self, body: bytes) -> tuple[int, bytes]:
        self.api.authorize(self._credentials, self.api.definition.write_scope)
        return self.api.post_events(body)

    @property
    def _credentials(self) -> str:
        return self.headers.get("Authorization") or ""

    def _answer(self, act: Any) -> None:
        try:
            status, body = act()
        except Refusal as refusal:
            status, body = refusal.status, orjson.dumps({"message": str(refusal)})
        self._send(status, body)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until killed."""
    definition = ApiDefinition.read(Path(sys.argv[1]))
    handler = type("RegionHandler", (Handler,), {"api": Api(definition)})
    Server((LOOPBACK, definition.port), handler).serve_forever()


if __name__ == "__main__":
    main()
