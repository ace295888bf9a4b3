"""The region's read side over HTTP/1.1: `/health`, `/v1/watermark` and what else it is told."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from lifeline.lambdas.contracts.query_api import TOKEN_HEADER

Answer = tuple[int, dict[str, Any]]
Route = Callable[[str], Answer]
Admission = Callable[[str], Answer | None]
"""Told the token that came with a request: None, or the answer that it gets instead."""


def http_server(
    host: str,
    port: int,
    routes: dict[str, Route],
    tls: ssl.SSLContext | None = None,
    admit: Admission | None = None,
) -> ThreadingHTTPServer:
    """A server that is not started yet. A route that ends in `/` takes the rest of the path.

    Such a route is asked only if `admit` lets the caller in.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            token = self.headers.get(TOKEN_HEADER) or ""
            status, body = _answer(
                self.path.partition("?")[0], routes, admit and (lambda: admit(token))
            )
            raw = orjson.dumps(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            return  # a path may name a patient's event

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A caller that went away is none: the load balancer's health checks only connect."""
            if not isinstance(sys.exception(), OSError):
                super().handle_error(request, client_address)

    server = Server((host, port), Handler)
    if tls is not None:
        # Shaking hands is the caller's own thread's: one who never does holds up nobody else.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


def _answer(
    path: str, routes: dict[str, Route], refused: Callable[[], Answer | None] | None
) -> Answer:
    for prefix, route in routes.items():
        if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
            try:
                refusal = refused() if refused is not None and prefix.endswith("/") else None
                return refusal or route(path[len(prefix) :])
            except Exception as error:
                return 503, {"error": type(error).__name__}
    return 404, {"error": "no such path"}
