"""CloudFormation's DescribeStacks on loopback: one stack in a status that the test chooses."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

STACK_ID = "arn:aws:cloudformation:ca-west-1:123456789012:stack/data-caw1-test/0a1b2c3d"
NOBODY = "http://127.0.0.1:9"
"""An address where nothing listens: a status that cannot be read."""

_FOUND = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStacksResult><Stacks><member><StackId>{id}</StackId><StackName>data-caw1-test</StackName>
<CreationTime>2026-11-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus></member></Stacks>
</DescribeStacksResult></DescribeStacksResponse>"""
_UNKNOWN = """<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error>
<Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id {id} does not exist</Message>
</Error></ErrorResponse>"""


class StackServer:
    """Answers for `STACK_ID`, and that any other stack does not exist."""

    def __init__(self) -> None:
        self.status = "CREATE_COMPLETE"
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                (asked,) = parse_qs(body.decode())["StackName"]
                known = asked == STACK_ID
                said = (_FOUND if known else _UNKNOWN).format(id=asked, status=server.status)
                self.send_response(200 if known else 400)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> StackServer:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
