"""A token endpoint, the pool's API and a protected API on loopback, for tests of both kinds of callers."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CLIENT = "client-1"
SECRET = "hushed"


class TokenServer:
    """Gives `token-1`, `token-2`, ...; only the newest is let in. `down` makes the endpoint answer 503."""

    def __init__(self, lasts_seconds: int = 3600) -> None:
        self.lasts_seconds = lasts_seconds
        self.given = 0
        self.down = False
        self.token_calls = 0
        self.described: list[dict[str, Any]] = []
        self.seen: list[tuple[str, str, str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._protected()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("X-Amz-Target", "").endswith(".DescribeUserPoolClient"):
                    server.described.append(json.loads(body))
                    self._say(200, {"UserPoolClient": {"ClientSecret": SECRET}})
                elif self.path == "/oauth2/token":
                    self._say(*server.token(self.headers.get("Authorization", ""), body))
                else:
                    self._protected()

            def _protected(self) -> None:
                asked = self.headers.get("Authorization", "")
                agent = self.headers.get("User-Agent", "")
                server.seen.append((self.command, self.path, asked, agent))
                good = self.path == "/health" or asked == f"Bearer token-{server.given}"
                self._say((202 if self.command == "POST" else 200) if good else 401, {})

            def _say(self, status: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    def token(self, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self.token_calls += 1
        form = parse_qs(body.decode())
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if self.down:
            return 503, {}
        if pair != f"{CLIENT}:{SECRET}" or form["grant_type"] != ["client_credentials"]:
            return 400, {"error": "invalid_client"}
        assert form["scope"] == ["events/write events/read"]
        self.given += 1
        answer = {"access_token": f"token-{self.given}", "expires_in": self.lasts_seconds}
        return 200, answer

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
