"""The region's read side over HTTP/1.1: `/health`, `/v1/watermark`, `/v1/events/{id}`."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any]]
Route = Callable[[str], Answer]


def http_server(host: str, port: int, routes: dict[str, Route]) -> ThreadingHTTPServer:
    """A server that is not started yet. A route that ends in `/` takes the rest of the path."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, body = _answer(self.path.partition("?")[0], routes)
            raw = json.dumps(body, separators=(",", ":")).encode()
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

    return Server((host, port), Handler)


def _answer(path: str, routes: dict[str, Route]) -> Answer:
    for prefix, route in routes.items():
        if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
            try:
                return route(path[len(prefix) :])
            except Exception as error:
                return 503, {"error": type(error).__name__}
    return 404, {"error": "no such path"}
