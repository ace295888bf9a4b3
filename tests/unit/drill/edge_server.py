"""A small real HTTP server that speaks the edge API, for tests of the publisher."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Verdict = Callable[[dict[str, Any]], bool]


class EdgeServer:
    """One region. `refuse` decides per event (207), `broken` resets every connection."""

    def __init__(self, region: str, *, traffic_epoch: int = 0, incarnation: str = "100") -> None:
        self.region = region
        self.traffic_epoch = traffic_epoch
        self.incarnation = incarnation
        self.refuse: Verdict = lambda event: False
        self.broken = False
        self.serves_reads = True
        self.lose_answers = 0
        self.delay_seconds = 0.0
        self.vector: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.raw: dict[str, list[str]] = {}
        self.on_taken: Callable[[list[tuple[str, str]]], None] = lambda taken: None
        """Each event's text and its sequence."""
        self.most_of_one_patient = 0
        self._sequence = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                if server.broken:
                    self.close_connection = True
                    return
                if self.path == "/health":
                    body = {
                        "region": region,
                        "ingest": True,
                        "serving": server.serves_reads,
                        "traffic_epoch": server.traffic_epoch,
                    }
                    self._answer(200, body)
                elif self.path == "/v1/watermark":
                    self._answer(200, {"region": region, "entries": server.vector})
                else:
                    name = self.path.rsplit("/", 1)[1]
                    known = any(event.get("eventId") == name for event in server.taken)
                    found = 200 if known else 404
                    self._answer(found if server.serves_reads else 503, {})

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                if server.broken:
                    self.close_connection = True
                    return
                status, body = server.post(raw)
                if server.lose_answers > 0:
                    server.lose_answers -= 1
                    self.close_connection = True
                    return
                self._answer(status, body)

            def handle_one_request(self) -> None:
                # The client hangs up in some tests: nobody wants to read of it.
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def post(self, raw: bytes) -> tuple[int, dict[str, Any]]:
        if self.delay_seconds:
            threading.Event().wait(self.delay_seconds)
        texts = [one["eventText"] for one in json.loads(raw)["events"]]
        if any(len(text) > 1024 * 1024 for text in texts):
            return 413, {}
        events = [json.loads(text) for text in texts]
        patients = [event.get("aggregateId", "-") for event in events]
        results = []
        with self._lock:
            self.most_of_one_patient = max(
                [self.most_of_one_patient, *(patients.count(one) for one in set(patients))]
            )
            for event, text in zip(events, texts, strict=True):
                if self.refuse(event):
                    results.append({"status": 500, "error": "throttled"})
                    continue
                self._sequence += 1
                self.taken.append(event)
                self.raw.setdefault(event.get("eventId", ""), []).append(text)
                results.append({"status": 202, "shard": "s-0", "sequence": str(self._sequence)})
            answers = zip(texts, results, strict=True)
            self.on_taken([(t, str(r["sequence"])) for t, r in answers if r["status"] == 202])
        status = 202 if all(one["status"] == 202 for one in results) else 207
        return status, {"region": self.region, "incarnation": self.incarnation, "results": results}

    def safe_up_to(self, sequence: int, origin: str, incarnation: str) -> None:
        """What this region's log holds of the other's."""
        self.vector = [
            {
                "region": origin,
                "incarnation": incarnation,
                "shard": "s-0",
                "sequence": str(sequence),
                "born_ms": 1,
                "safe_in": self.region,
            }
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
