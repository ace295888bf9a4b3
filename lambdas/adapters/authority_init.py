"""The first lease (A10): one epoch above whatever either region has seen or started, and only by a person.

Keepers never do this: a lease that is missing may have been deleted under a running region, and an epoch
that starts again from 1 would let an old one come true.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.failover.lease import Lease


class InitRefused(Exception):
    """There must be no lease now; the message is a sentence for the person who asked for one."""


class NotAnswered(InitRefused):
    """A region did not say what must be known; asked again it may."""


@dataclass(frozen=True)
class EpochReport:
    """What a region's database says of itself, as the failover step `report` answers it."""

    region: str
    epoch: int
    holder: str
    in_recovery: bool


def first_lease(reports: Iterable[EpochReport], *, home: str, above: int = 0) -> Lease:
    """The lease that `home` starts with: above every database's epoch, and above `above`, the highest that
    is known otherwise (`started_epochs`). Raises InitRefused when home's database is not the writer.
    """
    by_region = {report.region: report for report in reports}
    if home not in by_region:
        raise InitRefused(
            f"{home} shall hold the lease, but its database did not say its epoch: "
            f"make a region the holder that answers, or bring {home} back first."
        )
    if by_region[home].in_recovery:
        raise InitRefused(
            f"the database of {home} is a replica: its keeper would promote it at once. "
            f"Name the region whose database is the writer."
        )
    epoch = 1 + max(above, *(report.epoch for report in by_region.values()))
    return Lease(holder=home, epoch=epoch, renewals=0, writer=home)


def ask_epoch(functions: Any, region: str, suffix: str) -> EpochReport:
    """Ask the region's own function (`functions`: its Lambda client). Raises InitRefused, or botocore's."""
    name = f"failover-step-{suffix}"
    answer = functions.invoke(
        FunctionName=name, Payload=json.dumps({"step": "report", "region": region}).encode()
    )
    text = answer["Payload"].read().decode(errors="replace")
    if answer.get("FunctionError"):
        raise InitRefused(f"{name} in {region} failed: {text[:300]}")
    try:
        row = json.loads(json.loads(text)["detail"])
        return EpochReport(
            region=region,
            epoch=int(row["epoch"]),
            holder=str(row["holder"]),
            in_recovery=bool(row["in_recovery"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InitRefused(f"{name} in {region} answered what is no report: {text[:300]}") from error


def ask_epochs(
    functions: Mapping[str, Any],
    suffix: str,
    *,
    without: Collection[str] = (),
) -> list[EpochReport]:
    """Ask every region but `without`, side by side; `functions` are Lambda clients by region.

    A region that does not answer raises NotAnswered that names it: its epoch may be the highest.
    """
    asked = [region for region in functions if region not in without]
    if not asked:
        raise InitRefused("no region is left to ask for its epoch.")

    def ask(region: str) -> EpochReport:
        try:
            return ask_epoch(functions[region], region, suffix)
        except Exception as error:
            said = str(error) or type(error).__name__
            raise NotAnswered(f"{region} does not say its epoch: {said}") from error

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(ask, asked))


def refuse_if_initialized(table: LeaseTable) -> None:
    """Raises InitRefused when there is a lease."""
    lease = table.read()
    if lease is not None:
        raise InitRefused(
            f"there is a lease already: {lease.holder or 'nobody'} at epoch {lease.epoch}."
        )
