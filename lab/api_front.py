"""The address of a region's API that the emulator itself runs: lost with its region, as the real one is.

    python -m lab.api_front PORT UPSTREAM

Each request goes to `UPSTREAM` + its path, through the region's fault proxy. What does not answer in time is
the gateway's own time-out, 504; what cannot be reached is 502.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab.places import LOOPBACK

TIMEOUT_SECONDS = 10.0


class Front(BaseHTTPRequestHandler):
    """One request, one answer."""

    protocol_version = "HTTP/1.1"
    upstream: str

    def do_GET(self) -> None:
        status, body = self._ask()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _ask(self) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(
                self.upstream + self.path, timeout=TIMEOUT_SECONDS
            ) as answer:
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except TimeoutError:
            return 504, b"{}"
        except OSError:
            return 502, b"{}"


def main() -> None:
    """Serve until killed."""
    handler = type("RegionFront", (Front,), {"upstream": sys.argv[2]})
    ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), handler).serve_forever()


if __name__ == "__main__":
    main()
