"""TCP links between regions that can be cut or made to hang, each direction by itself.

One process (`python -m lab.link PORT_BASE`) carries all links. A link is in one of these states:

- `open`: bytes pass;
- `cut`: connections are reset, new ones too;
- `hang`: connections are accepted and stay, no byte passes; `hang-forward` and `hang-back` stop one
  direction only (forward is from the one who connected). Nothing is lost: after healing it flows on.

Control: one JSON object a line on the control port, `{"link name": "state", …}`; the answer is the
state of every link.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
from collections.abc import Mapping

from lab.places import LOOPBACK, Places

CHUNK_BYTES = 256 * 1024
STATES = ("open", "cut", "hang", "hang-forward", "hang-back")


class TcpLink:
    """One listening port that stands for a far end."""

    def __init__(self, name: str, listen_port: int, target_port: int) -> None:
        self.name = name
        self.listen_port = listen_port
        self.target_port = target_port
        self.state = "open"
        self._flows = {"forward": asyncio.Event(), "back": asyncio.Event()}
        self._writers: set[asyncio.StreamWriter] = set()
        self.set_state("open")

    def set_state(self, state: str) -> None:
        """Change the state now, for existing connections too. Raises ValueError when unknown."""
        if state not in STATES:
            raise ValueError(f"link {self.name}: state {state!r} is none of {', '.join(STATES)}")
        self.state = state
        for direction, flow in self._flows.items():
            if state in ("hang", f"hang-{direction}"):
                flow.clear()
            else:
                flow.set()
        if state == "cut":
            for writer in list(self._writers):
                _reset(writer)

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, LOOPBACK, self.listen_port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "cut":
            _reset(writer)
            return
        self._writers.add(writer)
        far_writer: asyncio.StreamWriter | None = None
        try:
            # A hanging link must not open the far end: that would be a byte that passed.
            await self._flows["forward"].wait()
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target_port)
            self._writers.add(far_writer)
            pumps = [
                asyncio.create_task(self._pump(reader, far_writer, "forward")),
                asyncio.create_task(self._pump(far_reader, writer, "back")),
            ]
            await asyncio.gather(*pumps)
        except (OSError, asyncio.IncompleteReadError):
            _reset(writer)
        finally:
            for each in (writer, far_writer):
                if each is not None:
                    self._writers.discard(each)
                    each.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> None:
        flow = self._flows[direction]
        while data := await reader.read(CHUNK_BYTES):
            if not flow.is_set():
                await flow.wait()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a dead network would look to a client that still sends."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def carry(places: Places) -> None:
    """Serve all links of a lab and their control port, until cancelled."""
    links = {
        link.name: TcpLink(link.name, link.listen_port, link.target_port) for link in places.links()
    }

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                for name, state in json.loads(line).items():
                    links[name].set_state(state)
                answer: dict[str, str] = {name: link.state for name, link in links.items()}
            except (KeyError, ValueError, AttributeError) as error:
                answer = {"error": str(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    servers = [await link.serve() for link in links.values()]
    servers.append(await asyncio.start_server(control, LOOPBACK, places.links_control))
    await asyncio.gather(*(server.serve_forever() for server in servers))


def set_links(places: Places, states: Mapping[str, str]) -> dict[str, str]:
    """Tell the link process the new states; the state of all. Raises ValueError or OSError."""
    with socket.create_connection((LOOPBACK, places.links_control), timeout=3) as connection:
        connection.sendall(json.dumps(dict(states)).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer: dict[str, str] = json.loads(answers.readline())
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer


def main() -> None:
    """`python -m lab.link PORT_BASE`."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(carry(Places(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
