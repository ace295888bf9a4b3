"""What a person reads when paged: what is wrong where, the lease, the loss, the command, the runbook. Pure.

A subject names environment, region and what happened; docs/runbooks/README.md has a row for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lifeline.lambdas.failover.decision import Decision, Observation
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.lambdas.failover.reason_words import RUNBOOK, STATUS, WATCH, WORDS, of_one_region

PLAN_RUNBOOK = "docs/runbooks/failover-plan.md"
STARTED_AGAIN = "the failover plan was started again"
STEP_FAILS = "failover step {step} keeps failing"
PROMOTION_LATE = "the promotion of the database takes too long"
SUBJECTS = (STARTED_AGAIN, STEP_FAILS, PROMOTION_LATE)
"""Every subject but those of decisions, whose last part is the word itself."""


@dataclass(frozen=True)
class Page:
    """An e-mail's subject and body."""

    subject: str
    text: str


@dataclass(frozen=True)
class Sender:
    """Who pages: one region of one environment. `peer` may be `NO_STANDBY`."""

    suffix: str
    region: str
    peer: str
    witness: str

    def page(
        self,
        what: str,
        happened: str,
        *facts: str,
        command: str,
        runbook: str,
        lead_decides: bool = False,
    ) -> Page:
        """`what` ends the subject; `facts` are lines such as the lease's."""
        status = STATUS.format_map({"suffix": self.suffix})
        if self.peer == NO_STANDBY:
            status, command = (of_one_region(one, self.suffix) for one in (status, command))
        if lead_decides:
            # Whoever is woken types the first command before reading the rest: it must not write.
            commands = [f"Type next: {status}", f"Only on the incident lead's word: {command}"]
        else:
            commands = [f"Type next: {command or status}"]
            if command and status not in command:
                commands.append(f"Whole picture: {status}")
        lines = [
            f"Environment {self.suffix}, region {self.region}. {happened}",
            *facts,
            *commands,
            f"Runbook: {runbook}",
        ]
        return Page(f"Lifeline {self.suffix} {self.region}: {what}", "\n".join(lines))

    def of_decision(
        self, observation: Observation, decision: Decision, policy: Policy, *, serving: bool | None
    ) -> Page:
        """Of a decision that a person must know of. `serving`: whether its keeper sees that anybody does."""
        lease, word = observation.lease, WORDS[decision.reason]
        command = word.command_for(self.places(lease, observation.estimated_loss_seconds))
        return self.page(
            str(decision.reason),
            f"Its keeper decided {decision.action} because of {decision.reason}. {word.meaning}",
            serving_line(serving),
            lease_line(lease),
            loss_line(observation.estimated_loss_seconds, policy.max_loss_seconds),
            *_evidence(decision.evidence),
            command=command,
            lead_decides=word.of_incident_lead,
            runbook=f"{RUNBOOK}, or type: lifeline explain {decision.reason}",
        )

    def of_plan(self, what: str, happened: str, *, lease: Lease | None, execution: str) -> Page:
        """Of the failover plan; `execution` is the run's name or ARN."""
        return self.page(
            what,
            happened,
            "Does anybody serve? Count on nobody until this plan has ended.",
            lease_line(lease),
            f"Execution: {execution}",
            command=WATCH.format_map({"suffix": self.suffix}),
            runbook=PLAN_RUNBOOK,
        )

    def places(self, lease: Lease | None, loss_seconds: float | None) -> dict[str, object]:
        """What stands in a command's braces. A loss is rounded up: an approval below it lifts nothing."""
        epoch = 0 if lease is None else lease.epoch
        return {
            "suffix": self.suffix,
            "region": self.region,
            "peer": self.peer,
            "witness": self.witness,
            "epoch": epoch,
            "next_epoch": epoch + 1,
            "loss": 0 if loss_seconds is None else math.ceil(loss_seconds),
        }


def serving_line(seen: bool | None) -> str:
    """What the reader wants to know first, as far as the sender sees it (A22)."""
    answers = {
        True: "Yes, as this region sees it.",
        False: "No region that this one sees. Patients' alarms wait at the edges.",
        None: "This region cannot tell; lifeline status asks both.",
    }
    return f"Does anybody serve? {answers[seen]}"


def lease_line(lease: Lease | None) -> str:
    """Who holds the lease, at which epoch."""
    if lease is None:
        return "Lease: not readable, or there is none."
    return (
        f"Lease: held by {lease.holder or 'nobody'} at epoch {lease.epoch}; "
        f"the database's writer is {lease.writer}."
    )


def loss_line(seconds: float | None, allowed: float) -> str:
    """What a takeover would lose unless it is sent again (A5), against what the tier allows."""
    known = "unknown" if seconds is None else f"the last {seconds:.1f} s of events"
    return (
        f"At risk in a takeover: {known}, but for what edges send again; allowed is {allowed:g} s."
    )


def _evidence(evidence: Mapping[str, object]) -> list[str]:
    said = ", ".join(
        f"{key} {value:.1f}" if isinstance(value, float) else f"{key} {value}"
        for key, value in evidence.items()
    )
    return [f"Seen: {said}."] if said else []
