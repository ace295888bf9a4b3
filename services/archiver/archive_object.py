"""One object of the archive: a stretch of a partition without a gap, and a manifest that says so.

Two members of gzip behind each other: the manifest, one line of JSON, then the records, a line each. So
`zcat` reads it, and the manifest is read without the records. Each manifest holds the hash of the one before
it: an object that is missing, or was changed, breaks the chain.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import orjson

from lifeline.lambdas.failover.markers import Place

FORMAT = 1
GZIP = 31
"""zlib's window bits for gzip. It writes no time into the header: the same records make the same bytes."""
LEVEL = 1
"""Of nine: an eighth of the time for a quarter more bytes."""


class ArchiveError(Exception):
    """An object that is not what it should be. The words say which, and what is wrong."""


class Archived(NamedTuple):
    """One record, as it lay in the log."""

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Whose log: the region, the partition, and the topic's id, which is another once it is made anew."""

    region: str
    topic: str
    partition: int
    log_id: str

    @classmethod
    def of(cls, region: str, place: Place, topic_id: str) -> Self:
        """Of a topic's id as the client writes it: base 64, in which a slash would part the key."""
        log_id = topic_id.replace("/", "_").replace("+", "-")
        return cls(region=region, topic=place[0], partition=place[1], log_id=log_id)

    @property
    def place(self) -> Place:
        """The partition."""
        return self.topic, self.partition

    @property
    def prefix(self) -> str:
        """What the keys of its objects begin with."""
        return f"{place_prefix(self.topic, self.partition)}{self.region}/{self.log_id}/"

    def key(self, first: int) -> str:
        """Of the object that begins with the record at the offset `first`."""
        return f"{self.prefix}{first:020d}.json.gz"


def place_prefix(topic: str, partition: int) -> str:
    """What the keys of a partition begin with, whichever region wrote them."""
    return f"topics/{topic}/{partition:05d}/"


def chain_of(key: str) -> tuple[Chain, int]:
    """The chain and the first offset of an object's key. Raises ArchiveError for a key of none."""
    parts = key.split("/")
    try:
        kind, topic, partition, region, log_id, name = parts
        first, dot, kept = name.partition(".")
        if (kind, dot + kept) != ("topics", ".json.gz"):
            raise ValueError(key)
        chain = Chain(region=region, topic=topic, partition=int(partition), log_id=log_id)
        return chain, int(first)
    except ValueError as error:
        raise ArchiveError(f"{key} is no key of the archive") from error


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an object holds. `markers`: as `ArchivedMarkers.saved` gives them, of all up to its end."""

    chain: Chain
    first: int
    last: int
    records: int
    first_time_ms: int
    """The earliest and the latest time of its records."""
    last_time_ms: int
    records_sha256: str
    """Of the lines, before they are compressed."""
    after: int | None
    """The last offset of the object before it; None: the chain begins here. Less than `first - 1`: a gap."""
    previous: str
    """The hash of the object before it; empty at the beginning."""
    markers: dict[str, Any]

    @property
    def key(self) -> str:
        """Its object's."""
        return self.chain.key(self.first)

    @property
    def sha256(self) -> str:
        """What the next object names as `previous`."""
        return hashlib.sha256(self._line()).hexdigest()

    @property
    def gap(self) -> int:
        """How many records before it are in no object."""
        return 0 if self.after is None else self.first - self.after - 1

    def to_bytes(self) -> bytes:
        """The object's first member."""
        return _compressed(self._line() + b"\n")

    def _line(self) -> bytes:
        body = {"format": FORMAT, **dataclasses.asdict(self)}
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_line(cls, line: bytes, key: str) -> Self:
        """Raises ArchiveError for what is no manifest of this format, or of another object."""
        try:
            read = json.loads(line)
            if read.pop("format") != FORMAT:
                raise ValueError("another format")
            found = cls(**{**read, "chain": Chain(**read["chain"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArchiveError(f"{key}: its first line is no manifest: {error}") from error
        if found.key != key:
            raise ArchiveError(f"{key}: its manifest is that of {found.key}")
        return found


class ObjectBuilder:
    """Takes the records of one partition, in order, until an object is made of them."""

    def __init__(self, chain: Chain, *, after: int | None, previous: str) -> None:
        self.chain, self._after, self._previous = chain, after, previous
        self._first = self._last = -1
        self._times = (0, 0)
        self.records = self.raw_bytes = 0
        self._sha256 = hashlib.sha256()
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        self._packed: list[bytes] = []

    def add(self, record: Archived) -> None:
        """Raises ArchiveError for a record that does not follow the one before it."""
        if self.records and record.offset != self._last + 1:
            raise ArchiveError(
                f"{self.chain.topic}/{self.chain.partition}: offset {record.offset} after {self._last}"
            )
        line = line_of(record)
        if not self.records:
            self._first, self._times = record.offset, (record.time_ms, record.time_ms)
        low, high = self._times
        self._times = (min(low, record.time_ms), max(high, record.time_ms))
        self._last = record.offset
        self.records += 1
        self.raw_bytes += len(line)
        self._sha256.update(line)
        self._packed.append(self._packer.compress(line))

    def built(self, markers: dict[str, Any]) -> tuple[Manifest, bytes]:
        """The manifest and the whole object. Call it once, with at least one record."""
        manifest = Manifest(
            chain=self.chain,
            first=self._first,
            last=self._last,
            records=self.records,
            first_time_ms=self._times[0],
            last_time_ms=self._times[1],
            records_sha256=self._sha256.hexdigest(),
            after=self._after,
            previous=self._previous,
            markers=markers,
        )
        body = b"".join([manifest.to_bytes(), *self._packed, self._packer.flush()])
        return manifest, body


def manifest_in(body: bytes, key: str) -> Manifest:
    """Out of an object's beginning. Raises ArchiveError."""
    return Manifest.from_line(_members(body, key, 1)[0], key)


def records_in(body: bytes, key: str) -> tuple[Manifest, list[Archived]]:
    """A whole object, proven against its manifest. Raises ArchiveError."""
    first, lines = _members(body, key, 2)
    manifest = Manifest.from_line(first, key)
    if hashlib.sha256(lines).hexdigest() != manifest.records_sha256:
        raise ArchiveError(f"{key}: its records are not those that its manifest was made of")
    found = list(_records(lines, key))
    offsets = [one.offset for one in found]
    if offsets != list(range(manifest.first, manifest.last + 1)) or len(found) != manifest.records:
        raise ArchiveError(
            f"{key}: it holds {len(found)} records, its manifest says {manifest.records} from "
            f"{manifest.first} to {manifest.last}"
        )
    return manifest, found


def line_of(record: Archived) -> bytes:
    """As JSON, with its end of line."""
    row = {
        "offset": record.offset,
        "time": record.time_ms,
        "key": _told(record.key),
        "value": _told(record.value),
        "headers": [[name, _told(value)] for name, value in record.headers],
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _records(lines: bytes, key: str) -> Iterator[Archived]:
    for line in lines.splitlines():
        try:
            row = orjson.loads(line)
            yield Archived(
                row["offset"],
                row["time"],
                _bytes(row["key"]),
                _bytes(row["value"]),
                [(name, _bytes(value)) for name, value in row["headers"]],
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ArchiveError(f"{key}: a line is no record: {error}") from error


def _told(value: bytes | str | None) -> str | dict[str, str] | None:
    """Text as it is; what is no UTF-8, which a rejected event may be, in base 64."""
    if value is None or isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _bytes(told: str | dict[str, str] | None) -> bytes | None:
    if told is None:
        return None
    if isinstance(told, str):
        return told.encode()
    try:
        return base64.b64decode(told["base64"], validate=True)
    except binascii.Error as error:
        raise ValueError("no base 64") from error


def _compressed(line: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    return packer.compress(line) + packer.flush()


def _members(body: bytes, key: str, wanted: int) -> list[bytes]:
    found = []
    rest = body
    for _ in range(wanted):
        reader = zlib.decompressobj(GZIP)
        try:
            found.append(reader.decompress(rest) + reader.flush())
        except zlib.error as error:
            raise ArchiveError(f"{key}: it cannot be decompressed: {error}") from error
        if not reader.eof:
            raise ArchiveError(f"{key}: it ends in the middle")
        rest = reader.unused_data
    return found
