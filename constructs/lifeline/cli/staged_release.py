"""A release in stages: the standby first, a bake time in which alarms are watched, then the active region.

Invariant: the active region runs the release before until all of the standby's stacks stand and the bake time
is over. Old and new work together, as a release expands before it contracts: it may stop anywhere, for as
long as needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from lifeline.cli.calls import reading
from lifeline.cli.failure import Refused, Unreachable
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.lambdas.failover.clock import Clock

LOOK_SECONDS = 30.0
UNREADABLE_LOOKS = 3
"""So many in a row end the bake: alarms that nobody can read are no sign of health."""
SCALING = "scale-"
"""Alarms that start tasks; they page nobody."""


@dataclass(frozen=True)
class Stage:
    """The stacks of one place, in the order of the assembly."""

    region: str
    stacks: tuple[str, ...]


@dataclass(frozen=True)
class Serving:
    """Who is active, and since which epoch."""

    region: str
    epoch: int


Deploy = Callable[[Stage], bool]
"""Deploys exactly these stacks; whether it succeeded."""


class StagedRelease:
    """`stacks`: (region, id) of every stack. `despite`: alarms, without the suffix, that may fire."""

    def __init__(
        self,
        places: Places,
        clock: Clock,
        output: Output,
        *,
        stacks: Sequence[tuple[str, str]],
        bake_seconds: float,
        despite: Collection[str] = (),
    ) -> None:
        self._places, self._clock, self._output = places, clock, output
        self._stacks, self._bake_seconds, self._despite = stacks, bake_seconds, frozenset(despite)

    def stages(self, serving: Serving) -> tuple[Stage, Stage, Stage]:
        """Standby, witness, active region."""
        home, recovery = self._places.home, self._places.recovery
        standby = recovery if serving.region == home else home
        others = {region for region, _stack in self._stacks} - {home, recovery}
        (witness,) = others or {""}
        return tuple(  # type: ignore[return-value]
            Stage(where, tuple(stack for region, stack in self._stacks if region == where))
            for where in (standby, witness, serving.region)
        )

    def run(self, deploy: Deploy) -> None:
        """All stages. Raises Refused where it stopped, with what runs now and what to do."""
        serving = self.serving()
        standby, witness, active = self.stages(serving)
        firing = self._firing()
        if firing:
            raise Refused(
                f"release: nothing was deployed: {', '.join(firing)} fires. A bake time shows nothing "
                "beside an alarm that fires already; mend it, or name it by --despite."
            )
        self._deploy(standby, deploy, "standby", f"{active.region} runs the release before")
        self._bake(serving, standby)
        if witness.stacks:
            kept = f"{active.region} runs the release before, {standby.region} the new one"
            self._deploy(witness, deploy, "witness", kept)
        self._deploy(active, deploy, "active region", f"{standby.region} runs the new release")
        self._output.say("release: all regions run it; watch the alarms (`lifeline status`)")

    def serving(self) -> Serving:
        """The active region. Raises Refused while there is none, or while it changes."""
        places = self._places
        with reading(places.lease_words):
            lease = places.lease().read()
        if lease is None:
            raise Refused(
                "release: the environment was never activated; `make deploy` deploys it whole."
            )
        if lease.holder not in places.data_regions or lease.holder != lease.writer:
            raise Refused(
                f"release: {lease.holder or 'nobody'} holds the lease and the writer is {lease.writer}: a "
                "takeover is under way. Release when it has ended."
            )
        return Serving(lease.holder, lease.epoch)

    def _deploy(self, stage: Stage, deploy: Deploy, what: str, otherwise: str) -> None:
        self._output.note(f"release: {what}, {stage.region}: {', '.join(stage.stacks)}")
        if not deploy(stage):
            raise Refused(
                f"release: a stack of the {what} ({stage.region}) was not deployed, and CloudFormation "
                f"takes it back; {otherwise}. The releases work together: mend it and release again."
            )

    def _bake(self, serving: Serving, standby: Stage) -> None:
        """Watch until the time is over. Raises Refused at the first sign against the release."""
        until = self._clock.monotonic() + self._bake_seconds
        unreadable = 0
        while True:
            try:
                now, firing = self.serving(), self._firing()
                unreadable = 0
                against = f"{', '.join(firing)} fires" if firing else ""
                if now != serving:
                    against = f"{now.region} became active at epoch {now.epoch}"
            except Unreachable as error:
                unreadable += 1
                against = str(error) if unreadable >= UNREADABLE_LOOKS else ""
            except Refused as error:
                against = str(error)
            if against:
                raise Refused(self._stopped(against, serving, standby))
            if self._clock.monotonic() >= until and not unreadable:
                return
            self._clock.sleep(LOOK_SECONDS)

    def _stopped(self, against: str, serving: Serving, standby: Stage) -> str:
        return (
            f"release: stopped in the bake time: {against}. {standby.region} runs the new release, "
            f"{serving.region} the one before; both work together, and nothing is in a hurry. Mend it and "
            "release again; or go back: in the source of the release before, "
            f"`cdk deploy --exclusively {' '.join(standby.stacks)}` with the same settings."
        )

    def _firing(self) -> list[str]:
        """Alarms of the environment that fire, in every region."""
        ending = f"-{self._places.suffix}"
        found: list[str] = []
        for region in dict.fromkeys((*self._places.data_regions, self._places.lease_region)):
            with reading(f"The alarms of {region}"):
                pages = self._places.cloudwatch(region).get_paginator("describe_alarms")
                names = [
                    str(one["AlarmName"])
                    for page in pages.paginate(StateValue="ALARM", AlarmTypes=["MetricAlarm"])
                    for one in page["MetricAlarms"]
                ]
            found += [
                f"{name} in {region}"
                for name in names
                if name.endswith(ending)
                and not name.startswith(SCALING)
                and name.removesuffix(ending) not in self._despite
            ]
        return found
