"""The edge's journal: what was sent, on disk before the first byte leaves, kept until it is safe (B1, B19).

Two kinds of file: the ledger (see `ledger.py`; never deleted) and segments of raw bytes for resending,
each deleted when all of it is safe. Fsync policy: `append` returns after the events are on the disk
(one fsync for all events of a tick). Receipts, safeties and resends are written at once but reach the
disk with the next fsync: forgetting one only means a byte-identical resend, which is harmless.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from drill import ledger
from drill.envelope import Event
from drill.receipt import Receipt

SEGMENT_BYTES = 16 * 1024 * 1024
DISK_LIMIT_BYTES = 8 * 1024**3
"""Default edge disk: 1.6 MB/s at 1,667 events/s, so about 85 minutes without a standby (B19)."""


class JournalFull(Exception):
    """The edge's disk limit is reached and every kept event is unaccepted: nothing may be dropped."""


@dataclass(slots=True)
class Kept:
    """An event that is not safe yet: where its bytes lie, and its last receipt."""

    number: int
    aggregate_id: str
    segment: int
    offset: int
    length: int
    receipt: Receipt | None = None


class _Segment:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BinaryIO = path.open("a+b")
        self.size = self.file.seek(0, os.SEEK_END)
        self.numbers: set[int] = set()

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self.file.fileno(), length, offset)


class Journal:
    """Opened on a folder, it knows everything a previous process wrote there (restart-safe)."""

    def __init__(
        self,
        folder: Path,
        *,
        disk_limit_bytes: int = DISK_LIMIT_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        fsync: bool = True,
    ) -> None:
        self.folder = folder
        self.disk_limit_bytes = disk_limit_bytes
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        self._lock = threading.RLock()
        self._segments: dict[int, _Segment] = {}
        self.kept: dict[int, Kept] = {}
        self.last_number = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._restore()
        self._ledger = (folder / ledger.NAME).open("ab")
        self._current = max(self._segments, default=0)
        if not self._segments:
            self._open_segment()

    @property
    def bytes_kept(self) -> int:
        """The size of all segments."""
        return sum(one.size for one in self._segments.values())

    @property
    def half_full(self) -> bool:
        """The warning of an edge (B19): what is left lasts as long as what is used did."""
        return self.bytes_kept * 2 > self.disk_limit_bytes

    def append(self, events: Sequence[Event]) -> None:
        """Make the events durable before they are sent. Raises JournalFull when nothing can make room."""
        with self._lock:
            self._make_room(sum(len(event.raw) for event in events) + len(events))
            for event in events:
                self._store(event.number, event.aggregate_id, event.raw)
            rows = [
                [e.number, e.event_id, e.occurred_us, e.aggregate_id, e.sequence, e.digest, e.label]
                for e in events
            ]
            self._write(["s", _now_ms(), rows])
            self.last_number = max(self.last_number, *(event.number for event in events))
            self.sync()

    def accepted(self, receipts: Sequence[tuple[int, Receipt]]) -> None:
        """Note the receipts of one answer (all of one region and incarnation)."""
        if not receipts:
            return
        with self._lock:
            first = receipts[0][1]
            rows = [[number, one.shard, str(one.sequence)] for number, one in receipts]
            self._write(["a", _now_ms(), first.region, first.incarnation, rows])
            for number, receipt in receipts:
                kept = self.kept.get(number)
                if kept is not None:
                    kept.receipt = receipt

    def resending(self, region: str, numbers: Sequence[int]) -> None:
        """Note, before the request leaves, which of its events were transmitted before."""
        if numbers:
            with self._lock:
                self._write(["r", _now_ms(), region, list(numbers)])

    def refused(self, region: str, number: int, status: int) -> None:
        """Note an event the API will never take (400, 413); it is not accepted and not sent again."""
        with self._lock:
            self._write(["x", _now_ms(), region, number, status])
            self._forget([number])

    def safe(self, numbers: Iterable[int]) -> int:
        """Note events that are in both regions; their bytes may go. Returns how many were news."""
        with self._lock:
            known = [number for number in set(numbers) if number in self.kept]
            if known:
                self._write(["f", _now_ms(), ledger.ranges(known)])
                self._forget(known)
            return len(known)

    def raws(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """The bytes as first sent, in the order asked; what is no longer kept is left out."""
        with self._lock:
            return {
                number: self._raw(self.kept[number]) for number in numbers if number in self.kept
            }

    def _raw(self, kept: Kept) -> bytes:
        return self._segments[kept.segment].read(kept.offset, kept.length)

    def sync(self) -> None:
        """Bring everything written so far to the disk."""
        with self._lock:
            self._segments[self._current].file.flush()
            self._ledger.flush()
            if self._fsync:
                os.fdatasync(self._segments[self._current].file.fileno())
                os.fdatasync(self._ledger.fileno())

    def close(self) -> None:
        """Flush and close; the folder can be opened again."""
        with self._lock:
            self.sync()
            self._ledger.close()
            for one in self._segments.values():
                one.file.close()

    def _write(self, entry: list[Any]) -> None:
        self._ledger.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
        self._ledger.flush()

    def _store(self, number: int, aggregate_id: str, raw: bytes) -> None:
        if self._segments[self._current].size >= self._segment_bytes:
            self._open_segment()
        segment = self._segments[self._current]
        line = orjson.dumps([number, aggregate_id, len(raw)]) + b"\n"
        segment.file.write(line + raw + b"\n")
        offset = segment.size + len(line)
        segment.size += len(line) + len(raw) + 1
        segment.numbers.add(number)
        self.kept[number] = Kept(number, aggregate_id, self._current, offset, len(raw))

    def _open_segment(self) -> None:
        if self._segments:
            # Its last bytes must be on the disk before `sync` looks only at its successor.
            file = self._segments[self._current].file
            file.flush()
            if self._fsync:
                os.fdatasync(file.fileno())
        self._current = max(self._segments, default=0) + 1
        self._segments[self._current] = _Segment(self.folder / f"segment-{self._current:06d}.bin")

    def _forget(self, numbers: Iterable[int]) -> None:
        touched = set()
        for number in numbers:
            kept = self.kept.pop(number, None)
            if kept is not None:
                self._segments[kept.segment].numbers.discard(number)
                touched.add(kept.segment)
        for number in touched:
            segment = self._segments[number]
            if number != self._current and not segment.numbers:
                segment.file.close()
                segment.path.unlink()
                del self._segments[number]

    def _make_room(self, wanted: int) -> None:
        """Drop accepted events, oldest segment first, never an unaccepted one (B19)."""
        while self.bytes_kept + wanted > self.disk_limit_bytes:
            oldest = min(self._segments)
            accepted = [n for n in self._segments[oldest].numbers if self.kept[n].receipt]
            if not accepted:
                if not any(one.receipt for one in self.kept.values()):
                    raise JournalFull(
                        f"{self.folder}: the edge disk limit of {self.disk_limit_bytes} bytes is "
                        "reached and nothing kept is accepted yet"
                    )
            else:
                self._write(["d", _now_ms(), ledger.ranges(accepted)])
            if oldest == self._current:
                self._open_segment()
            survivors = sorted(self._segments[oldest].numbers - set(accepted))
            for number in survivors:
                kept = self.kept[number]
                raw = self._raw(kept)
                self._segments[oldest].numbers.discard(number)
                self._store(number, kept.aggregate_id, raw)
            self.sync()
            self._forget(accepted)
            if oldest in self._segments:
                self._drop_empty(oldest)

    def _drop_empty(self, number: int) -> None:
        segment = self._segments[number]
        if number != self._current and not segment.numbers:
            segment.file.close()
            segment.path.unlink()
            del self._segments[number]

    def _restore(self) -> None:
        """Rebuild the index from the segments, then strike off what the ledger says is done."""
        self._cut_torn_line()
        for path in sorted(self.folder.glob("segment-*.bin")):
            self._restore_segment(int(path.stem.split("-")[1]), path)
        for entry in ledger.read(self.folder):
            if entry[0] == "s":
                self.last_number = max(self.last_number, *(row[0] for row in entry[2]))
            elif entry[0] == "a":
                for number, shard, sequence in entry[4]:
                    if number in self.kept:
                        receipt = Receipt(entry[2], entry[3], shard, int(sequence))
                        self.kept[number].receipt = receipt
            elif entry[0] == "x":
                self.kept.pop(entry[3], None)
            elif entry[0] in ("f", "d"):
                for number in ledger.spread(entry[2]):
                    self.kept.pop(number, None)
        # Bytes without a "sent" line never left this machine (the line comes before the request).
        for number in [n for n in self.kept if n > self.last_number]:
            del self.kept[number]
        for segment in self._segments.values():
            segment.numbers = set()
        for kept in self.kept.values():
            self._segments[kept.segment].numbers.add(kept.number)

    def _cut_torn_line(self) -> None:
        path = self.folder / ledger.NAME
        if not path.exists():
            return
        with path.open("r+b") as file:
            data_end = file.seek(0, os.SEEK_END)
            back = min(data_end, 4 * 1024 * 1024)
            file.seek(data_end - back)
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(data_end - back + tail.rfind(b"\n") + 1)

    def _restore_segment(self, index: int, path: Path) -> None:
        segment = _Segment(path)
        self._segments[index] = segment
        data = path.read_bytes()
        position = 0
        while position < len(data):
            line_end = data.find(b"\n", position)
            if line_end < 0:
                break
            try:
                number, aggregate_id, length = orjson.loads(data[position:line_end])
            except (orjson.JSONDecodeError, ValueError):
                break
            offset = line_end + 1
            if offset + length + 1 > len(data):
                break
            self.kept[number] = Kept(number, aggregate_id, index, offset, length)
            position = offset + length + 1
        if position < len(data):
            segment.file.truncate(position)
            segment.size = position


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
