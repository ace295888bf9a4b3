"""The bucket of the archive: objects that are written once, and read by their keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lifeline.services.archiver.archive_object import (
    Archived,
    ArchiveError,
    Chain,
    Manifest,
    manifest_in,
    records_in,
)

CALLS = Config(
    connect_timeout=3,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=16,
)
MANIFEST_BYTES = 131_072
"""A manifest has some hundred bytes for each shard; the first read of an object takes so many."""
MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
THERE = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
"""Somebody wrote the key first, or is about to (Amazon S3 User Guide, "conditional writes")."""
TOO_COLD = "InvalidObjectState"
UNDER_WAY = "RestoreAlreadyInProgress"
COLD = frozenset({"DEEP_ARCHIVE", "GLACIER"})


@dataclass(frozen=True)
class Listed:
    """An object as the bucket lists it; `written_ms`: when.

    `is_cold`: its storage class cannot be read at once. `is_asked_for`, `is_back`: it was asked for, and then
    it can be read for some days.
    """

    key: str
    bytes: int
    written_ms: int
    is_cold: bool = False
    is_asked_for: bool = False
    is_back: bool = False


class ArchiveBucket:
    """Every method raises what the client raises; ArchiveError where it says so."""

    def __init__(self, name: str, region: str, client: Any = None) -> None:
        self.name = name
        self._client: Any = client or boto3.client("s3", region_name=region, config=CALLS)

    def put_new(self, key: str, body: bytes) -> bool:
        """Write the object, unless the key is taken: then False, and nothing is changed."""
        try:
            self._client.put_object(
                Bucket=self.name,
                Key=key,
                Body=body,
                IfNoneMatch="*",
                ContentType="application/gzip",
                ChecksumAlgorithm="SHA256",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in THERE:
                return False
            raise
        return True

    def manifest(self, key: str) -> Manifest | None:
        """None: there is no such object. Raises ArchiveError."""
        body = self._get(key, Range=f"bytes=0-{MANIFEST_BYTES - 1}")
        return None if body is None else manifest_in(body, key)

    def read(self, key: str) -> tuple[Manifest, list[Archived]]:
        """A whole object, proven against its manifest. Raises ArchiveError."""
        body = self._get(key)
        if body is None:
            raise ArchiveError(f"{key}: it is listed and cannot be found")
        return records_in(body, key)

    def listed(self, prefix: str) -> Iterator[Listed]:
        """By key; of a chain that is by offset."""
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(
            Bucket=self.name, Prefix=prefix, OptionalObjectAttributes=["RestoreStatus"]
        ):
            for one in page.get("Contents", ()):
                status = one.get("RestoreStatus", {})
                yield Listed(
                    one["Key"],
                    int(one["Size"]),
                    int(one["LastModified"].timestamp() * 1000),
                    is_cold=one.get("StorageClass") in COLD,
                    is_asked_for=bool(status.get("IsRestoreInProgress")),
                    is_back="RestoreExpiryDate" in status,
                )

    def bring_back(self, key: str, tier: str, kept_days: int) -> bool:
        """Ask for a readable copy of a cold object; False: it was asked for before."""
        wanted = {"Days": kept_days, "GlacierJobParameters": {"Tier": tier}}
        try:
            self._client.restore_object(Bucket=self.name, Key=key, RestoreRequest=wanted)
        except ClientError as error:
            if error.response["Error"]["Code"] == UNDER_WAY:
                return False
            raise
        return True

    def head(self, chain: Chain, known: Manifest | None) -> Manifest | None:
        """The last manifest of a chain, looked for behind one that is known; None: it has no object."""
        if known is None:
            last = None
            for last in self.listed(chain.prefix):  # noqa: B007 - the last one is wanted
                pass
            return None if last is None else self.manifest(last.key)
        while (following := self.manifest(chain.key(known.last + 1))) is not None:
            known = following
        return known

    def _get(self, key: str, **how: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self.name, Key=key, **how)
            body: bytes = answer["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in MISSING:
                return None
            if code == TOO_COLD:
                raise ArchiveError(
                    f"{key}: its storage class cannot be read at once. Bring back what you need first "
                    f"(`lifeline archive bring-back`, with the same --from and --to), then run the same "
                    f"command again"
                ) from error
            raise
        return body
