"""The parts of `lifeline activate`, in their order. The effects of each stand in its own module."""

from __future__ import annotations

from lifeline.cli import alarm_switch, authority, migration
from lifeline.cli.calls import reading
from lifeline.cli.change import send
from lifeline.cli.failure import NotWritten, Refused, Unreachable, WriteUnknown
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.serving import await_serving, await_watermark, not_serving
from lifeline.cli.waiting import Deadline
from lifeline.cli.words import holder_words
from lifeline.lambdas.failover.clock import Clock
from lifeline.lambdas.failover.lease import Lease


class Activation:
    """One run of the command. `wait_seconds` is for all of it."""

    def __init__(
        self, places: Places, clock: Clock, output: Output, *, wait_seconds: float
    ) -> None:
        self._places, self._output = places, output
        look = f"lifeline authority show --suffix {places.suffix}"
        self._deadline = Deadline(
            clock,
            wait_seconds,
            output,
            after=(
                f"`{look}` tells who decides what; the plan is the execution recover-e… of "
                f"{places.plan_name} (docs/runbooks/failover-plan.md). Then run "
                f"`lifeline activate --suffix {places.suffix}` again: it goes on where it stopped."
            ),
        )

    def run(self) -> None:
        """Everything that is missing. Raises a Failure with a sentence; run again, it goes on."""
        before = self._read_lease()
        if before is None:
            migration.migrate(self._places, self._places.home, self._deadline, self._output)
            self._create_lease()
        else:
            self._output.say(
                f"activate: the lease exists, {holder_words(before)}: nothing to migrate or to create."
            )
        lease = await_serving(self._places, self._deadline)
        if self._places.has_standby:
            await_watermark(self._places, lease.holder, self._deadline)
        for region in self._places.data_regions:
            alarm_switch.switch_on(self._places, region, self._deadline, self._output)
        if not self._places.has_standby:
            self._output.say(
                f"There is no standby: no region can take over, and nothing is copied but backups. If "
                f"{lease.holder} is lost, a person restores them (docs/runbooks/region-lost-backup-only.md)."
            )
        elif self._places.witness is None:
            self._output.say(
                f"There is no witness: no region takes over by itself. If {lease.holder} is lost, a person "
                f"runs `lifeline authority takeover` (docs/runbooks/holds.md)."
            )
        self._output.say(
            f"activate: {lease.holder} is active at epoch {lease.epoch}: /health answers 200"
            f"{' and the watermark moves' if self._places.has_standby else ''}."
        )
        self._result(lease, dry_run=False, created=before is None)

    def say_what_is_missing(self) -> None:
        """The dry run: reads, and names the first part that `run` would do."""
        lease = self._read_lease()
        if lease is None:
            self._output.say(
                f"Would run the migrations in {self._places.home}, create the lease in "
                f"{self._places.lease_name} ({self._places.lease_region}) and wait until "
                f"{self._places.home} serves."
            )
        else:
            with reading(f"{lease.holder or 'nobody'}: /health"):
                said = self._not_serving(lease)
            self._output.say(
                f"Would wait: {said}."
                if said
                else f"{lease.holder} is active at epoch {lease.epoch}: nothing to do."
            )
        self._result(lease, dry_run=True, created=False)

    def migrate(self, *, dry_run: bool = False) -> None:
        """The migrations alone, for a release: where the writer is, as the lease says; else at home."""
        lease = self._read_lease()
        region = self._places.home if lease is None else lease.writer
        if dry_run:
            self._output.say(f"Would run the migrations in {region}, and wait for their end.")
        else:
            migration.migrate(self._places, region, self._deadline, self._output)
        self._output.result(
            {
                "command": "migrate",
                "suffix": self._places.suffix,
                "dry_run": dry_run,
                "region": region,
                "migrated": not dry_run,
            }
        )

    def _not_serving(self, lease: Lease) -> str:
        try:
            return not_serving(self._places, lease)
        except OSError as error:
            return f"/health of {lease.holder} cannot be read: {error}"

    def _read_lease(self) -> Lease | None:
        with reading(self._places.lease_words):
            return self._places.lease().read()

    def _create_lease(self) -> None:
        """`authority init` (A10), once the migrations have reached the replica; it asks both regions.

        A write whose answer is lost, or that somebody else was faster with, is looked at, not repeated (A4).
        """

        def look() -> str:
            try:
                change = authority.init(
                    self._places, without=(), without_started=(), above=0, output=self._output
                )
                assert change.write is not None, "the creation of a lease is a write"
                send(change.write, change, self._places, self._output)
            except (NotWritten, Unreachable, WriteUnknown) as failure:
                if isinstance(failure.__cause__, KeyboardInterrupt):
                    raise
                return "" if self._read_lease() is not None else str(failure)
            except Refused:
                if self._read_lease() is None:
                    raise
            return ""

        self._deadline.until("the lease", look)

    def _result(self, lease: Lease | None, *, dry_run: bool, created: bool) -> None:
        self._output.result(
            {
                "command": "activate",
                "suffix": self._places.suffix,
                "dry_run": dry_run,
                "created": created,
                "holder": None if lease is None else lease.holder,
                "epoch": None if lease is None else lease.epoch,
            }
        )
