"""The live page: the report's own template, fed by the growing record, on loopback, until it is the report.

It only shows. There is no address that does anything, and no button.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from drill import report
from drill.live_view import view

LOOPBACK = "127.0.0.1"
KEPT_LINES = 40
LAST_LOOK_SECONDS = 4.0
"""How long the end of a run waits for a page that is open to fetch the report."""
STATE = "Drill-State"
SCRIPT = """<script>
(() => {
  let missed = 0;
  async function look() {
    let state = "running";
    try {
      const answer = await fetch("/", {cache: "no-store"});
      state = answer.headers.get("Drill-State");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const open = [...document.querySelectorAll("details")].map(one => one.open);
      document.getElementById("page").replaceWith(fresh.getElementById("page"));
      document.querySelectorAll("details").forEach((one, n) => { if (open[n]) one.open = true; });
      document.title = fresh.title;
      missed = 0;
    } catch (error) {
      missed += 1;
      if (missed > 5) {
        document.title = "The drill has ended or was stopped";
        return;
      }
    }
    if (state !== "ended") setTimeout(look, 1000);
  }
  setTimeout(look, 1000);
})();
</script>"""


class LivePage:
    """A context manager. Serves from its beginning: first the set-up's last lines, then the run."""

    def __init__(self, port: int = 0) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._read: Callable[[], Mapping[str, Any]] | None = None
        self._sealed: Mapping[str, Any] | None = None
        self._asked = 0.0
        self._fetched = threading.Event()
        self._server = ThreadingHTTPServer((LOOPBACK, port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"http://{LOOPBACK}:{self._server.server_port}/"

    def __enter__(self) -> LivePage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def also(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """`say`, whose lines the page shows, too."""

        def both(line: str) -> None:
            self._lines.extend(line.splitlines())
            say(line)

        return both

    def follow(self, read: Callable[[], Mapping[str, Any]]) -> None:
        """From now on show what `read` answers: partial evidence."""
        self._read = read

    def end(self, sealed: Mapping[str, Any]) -> None:
        """Become the report. Waits a moment for a page that is open, for the server ends with the drill."""
        self._sealed = sealed
        if time.monotonic() - self._asked < LAST_LOOK_SECONDS:
            self._fetched.wait(LAST_LOOK_SECONDS)

    def page(self) -> tuple[str, str]:
        """The state ("running" or "ended") and the page."""
        sealed, read = self._sealed, self._read
        self._asked = time.monotonic()
        if sealed is not None:
            self._fetched.set()
            return "ended", report.render(sealed)
        if read is None:
            return "running", report.starting(list(self._lines), SCRIPT)
        body = read()
        return "running", report.render(body, view(body, list(self._lines)), SCRIPT)


def _handler(page: LivePage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                self.send_error(404)
                return
            state, text = page.page()
            content = text.encode()
            # A page that was closed meanwhile is no matter of the drill's.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                self.send_header(STATE, state)
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """The terminal belongs to the drill."""

    return Handler
