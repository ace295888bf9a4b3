"""How fast the replicator copies a log over 60 ms: the settings that are shipped beside Kafka's own buffers.

Two network namespaces with a link of our own between them: what one writes into its TUN device comes out of
the other's after half the round trip. A TCP proxy would not do: it answers at once and hides the window.

    python -m bench.long_link [--megabytes 120]

Prints MB/s as shipped and the ratio of both. Linux, with `unshare` and `ip`; tried as root only.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import heapq
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from bench.results import write
from lab.broker import await_answer, node_properties
from lab.kafka import (
    broker_command,
    format_command,
    properties,
    replicator_command,
    replicator_settings,
)

ROUND_TRIP_SECONDS = 0.060
"""Between Canada (Central) and Canada West."""
MTU = 16_000
"""Larger than a wide area network's, so that the link itself costs little on two cores."""
DEVICE = "long0"
HERE, THERE = "10.99.0.1", "10.99.0.2"
TOPIC, PARTITIONS, RECORD_BYTES = "copied", 4, 1_000
OWN, PEER, CONTROLLER = 19_092, 19_093, 19_094
DEADLINE_SECONDS = 180.0

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

Settings = Mapping[str, object]
VARIANTS: dict[str, tuple[Settings, Settings]] = {
    "Kafka alone": (
        {"socket.send.buffer.bytes": 102_400, "socket.receive.buffer.bytes": 102_400},
        {"peer->own.consumer.receive.buffer.bytes": 65_536},
    ),
    "as shipped": ({}, {}),
}
"""What is set beside the product's own settings, of the broker and of the replicator: Kafka's defaults, or
nothing."""


def tun(address: str) -> int:
    """A TUN device of this namespace with an address, up; what to read its packets from."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        "ip link set lo up",
        f"ip addr add {address}/30 dev {DEVICE}",
        f"ip link set {DEVICE} mtu {MTU} up txqueuelen 10000",
    ):
        subprocess.run(command.split(), check=True)
    os.set_blocking(device, False)
    return device


def carry(one: int, other: int) -> None:
    """Packets from each device to the other, each after half a round trip. Never returns."""
    waiting: list[tuple[float, int, int, bytes]] = []
    number = 0
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 1.0
        for device in select.select([one, other], [], [], pause)[0]:
            try:
                while packet := os.read(device, MTU + 100):
                    number += 1
                    due = time.monotonic() + ROUND_TRIP_SECONDS / 2
                    target = other if device == one else one
                    heapq.heappush(waiting, (due, number, target, packet))
            except BlockingIOError:
                continue
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(waiting)
            os.write(target, packet)


def start_broker(folder: Path, *, host: str, more: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """A broker of this namespace; its peer comes to `host`."""
    settings = folder / "server.properties"
    folder.mkdir()
    listeners = {"OWN": f"127.0.0.1:{OWN}", "PEER": f"{host}:{PEER}"}
    written = node_properties(
        data=folder / "data",
        controller=f"127.0.0.1:{CONTROLLER}",
        listeners=listeners,
        advertised=listeners,
    )
    settings.write_text(properties({**written, **more}))
    subprocess.run(format_command(settings, "bench"), check=True, stdout=subprocess.DEVNULL)
    with (folder / "log").open("wb") as said:
        process = subprocess.Popen(broker_command(settings), stdout=said, stderr=said)
    try:
        await_answer(listeners["OWN"])
        admin = AdminClient({"bootstrap.servers": listeners["OWN"], "log_level": 0})
        (made,) = admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values()
        made.result(60)
    except BaseException:
        process.kill()
        raise
    return process


def fill(megabytes: int) -> int:
    """Records of noise, so that no compression helps. How many."""
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{OWN}", "linger.ms": 20, "acks": "all"})
    count = megabytes * 1_000_000 // RECORD_BYTES
    for number in range(count):
        while True:
            try:
                producer.produce(TOPIC, os.urandom(RECORD_BYTES), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60):
        raise TimeoutError("the source was not filled")
    return count


def copied(consumer: Consumer) -> int:
    """How many records the copy has by now."""
    ends = [
        consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=10)
        for number in range(PARTITIONS)
    ]
    return sum(end[1] for end in ends if end)


def copy(folder: Path, count: int, more: Mapping[str, object]) -> float:
    """Start the replicator; MB/s from its first record to its last."""
    settings = folder / "mirror.properties"
    settings.write_text(replicator_settings() + properties(more))
    told = {
        "PEER_BOOTSTRAP": f"{HERE}:{PEER}", "OWN_BOOTSTRAP": f"127.0.0.1:{OWN}", "PEER_LOG": "here/1",
        "OWN_LOG": "there/1", "TOPICS": TOPIC, "GROUPS_EXCLUDE": "x", "TASKS_MAX": str(PARTITIONS),
        "SUFFIX": "bench",
    }  # fmt: skip
    with (folder / "mirror.log").open("wb") as said:
        process = subprocess.Popen(
            replicator_command(settings), env={**os.environ, **told}, stdout=said, stderr=said
        )
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{OWN}", "group.id": "count"})
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (first := copied(consumer)):
            if time.monotonic() > deadline:
                raise TimeoutError((folder / "mirror.log").read_text()[-2_000:])
            time.sleep(0.02)
        began = time.monotonic()
        while (now := copied(consumer)) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return (now - first) * RECORD_BYTES / 1e6 / (time.monotonic() - began)
    finally:
        process.kill()
        consumer.close()


def measure(megabytes: int, broker: Mapping[str, object], mirror: Mapping[str, object]) -> float:
    """One copy between two new logs, in this namespace and a new one."""
    children: list[int] = []
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as name:
        folder = Path(name)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        far = os.fork()
        if far == 0:
            try:
                _far_side(theirs, folder, mirror)
            except Exception:
                traceback.print_exc()  # leaving as below would say nothing
            finally:
                os._exit(0)
        children.append(far)
        try:
            near = tun(HERE)
            _, (other,), _, _ = socket.recv_fds(ours, 1, 1)
            link = os.fork()
            if link == 0:
                carry(near, other)
            children.append(link)
            processes.append(start_broker(folder / "here", host=HERE, more=broker))
            ours.sendall(json.dumps(fill(megabytes)).encode() + b"\n")
            ours.settimeout(DEADLINE_SECONDS + 60)
            return float(json.loads(ours.recv(1_000)))
        finally:
            for child in children:
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)
            for process in processes:
                process.kill()
                process.wait()


def _far_side(door: socket.socket, folder: Path, mirror: Mapping[str, object]) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network namespace")
    device = tun(THERE)
    socket.send_fds(door, [b"x"], [device])
    broker = start_broker(folder / "there", host="127.0.0.1", more={})
    signal.signal(signal.SIGTERM, _leave)
    try:
        count = int(json.loads(door.recv(1_000)))
        door.sendall(json.dumps(copy(folder / "there", count, mirror)).encode())
        signal.pause()
    finally:
        broker.kill()


def _leave(*_: object) -> None:
    raise SystemExit(0)


def main() -> int:
    """`python -m bench.long_link --help`."""
    parser = argparse.ArgumentParser(description="MB/s of the replicator over 60 ms.")
    parser.add_argument("--megabytes", type=int, default=120, help="how much is copied")
    parser.add_argument("--only", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--figures", type=Path, help="a file for them, as JSON")
    given = parser.parse_args()
    if given.only:
        print(measure(given.megabytes, *VARIANTS[given.only]))
        return 0
    found = {}
    for name in VARIANTS:
        # A process for each: it enters namespaces, which nothing leaves again.
        inside = [
            "unshare",
            "--user",
            "--map-root-user",
            "--net",
            sys.executable,
            "-m",
            "bench.long_link",
        ]
        command = [*inside, "--megabytes", str(given.megabytes), "--only", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[name] = float(done.stdout.split()[-1])
    shipped, alone = found["as shipped"], found["Kafka alone"]
    figures = {"long_link_mb_per_s": shipped, "long_link_ratio": shipped / alone}
    return write(figures, given.figures)


if __name__ == "__main__":
    sys.exit(main())
