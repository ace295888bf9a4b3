"""The ledger: every call in every situation, with what it rests on and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lifeline.compliance.reach.policies import Policies
from lifeline.compliance.reach.rights import Answer, Ask, Evaluate
from lifeline.compliance.reach.rows import REGISTRY_DOCUMENT, Regions, Row, Rows, regions_of
from lifeline.compliance.reach.situations import (
    SPARED,
    Situation,
    Spared,
    made_in,
    needed_and_lost,
    spared,
)
from lifeline.compliance.reach.world import ACCOUNT, ARN, World

CONTROL, EVERYONE = "iam:CreateUser", f"{ARN}iam::{ACCOUNT}:user/anyone"
REPLICATOR = "replicator"
OK, FAILS, SPARES, NOT_MADE = "ok", "FAILS", "does without", "not made"


@dataclass(frozen=True)
class Entry:
    """One row with its verdict in each situation."""

    row: Row
    cites: frozenset[str]
    faults: tuple[str, ...]
    """What is missing whatever the situation: a route or a right."""
    proofs: Mapping[tuple[str, str], frozenset[str]]
    """For each question, as (action, resource), the statements that allow it."""
    verdicts: Mapping[Situation, tuple[str, str]]
    """By situation the verdict and, where it is not `ok`, the sentence."""

    @property
    def fails(self) -> bool:
        """Whether any situation fails."""
        return any(verdict == FAILS for verdict, _ in self.verdicts.values())

    def sentences(self) -> list[str]:
        """Who calls what from where, what is missing, what would mend it: each once."""
        who = f"{self.row.caller.name} ({self.row.caller.token}) calls {self.row.call}"
        goes = f" in {self.row.target_region}" if self.row.target_region else ""
        said = [text for verdict, text in self.verdicts.values() if verdict == FAILS]
        return [f"{who}{goes}: {text}" for text in dict.fromkeys(said)]


@dataclass(frozen=True)
class Ledger:
    """All entries of one environment."""

    regions: Regions
    entries: Sequence[Entry]
    documents: Mapping[str, object]
    answers: Mapping[Ask, Answer]
    """What the evaluator said, so that nobody asks it the same thing twice."""
    unused: tuple[str, ...] = ()
    """Entries of `SPARED` that no call needs: an excuse for nothing."""

    @property
    def failures(self) -> list[str]:
        """Every sentence that makes the proof fail."""
        return [text for entry in self.entries for text in entry.sentences()] + [
            f"nothing needs the excuse {one}; remove it" for one in self.unused
        ]

    def counts(self, situation: Situation) -> Counter[str]:
        """How many calls have which verdict in a situation."""
        return Counter(entry.verdicts[situation][0] for entry in self.entries)

    def static_stability(self) -> list[Needed]:
        """Each call that is made while home is dead, with its verdict then."""
        return _needed((entry.row, entry.verdicts[Situation.HOME_DEAD]) for entry in self.entries)


@dataclass(frozen=True)
class Needed:
    """A call that is made without home: by whom, where it goes, and what it rests on."""

    caller: str
    caller_region: str
    call: str
    region: str
    rests_on: tuple[str, ...]
    verdict: str
    instead: str
    """How the caller does without the call; empty where it need not."""


def static_stability(world: World) -> list[Needed]:
    """The static-stability ledger of a world, without asking for routes and rights.

    A drill compares it with the calls that were really made.
    """
    regions = regions_of(world)
    rows = Rows(world, regions).every()
    return _needed((row, _verdict(Situation.HOME_DEAD, row, (), regions, SPARED)) for row in rows)


def _needed(judged: Iterable[tuple[Row, tuple[str, str]]]) -> list[Needed]:
    return [
        Needed(
            row.caller.reader,
            row.caller.region,
            row.call,
            row.target_region,
            tuple(sorted(row.regions)),
            verdict,
            text,
        )
        for row, (verdict, text) in judged
        if verdict != NOT_MADE
    ]


def ledger_of(world: World, evaluate: Evaluate, allowed: Sequence[Spared] = SPARED) -> Ledger:
    """The ledger of a world; every question in one batch.

    Raises RuntimeError for an evaluator that allows what no policy says.
    """
    regions = regions_of(world)
    rows = Rows(world, regions)
    every = rows.every()
    asks = list(dict.fromkeys(one for row in every for one in row.asks))
    controls = list(dict.fromkeys(control(one) for one in asks if one.principal.startswith("arn:")))
    said = evaluate(rows.policies.documents, [*asks, *controls])
    answers = dict(zip([*asks, *controls], said, strict=True))
    blind = [one for one in controls if answers[one].allowed]
    if blind:
        raise RuntimeError(
            f"the evaluator lets {blind[0].principal} do {CONTROL}, which nothing of ours may: "
            "its answers prove nothing, or that role's policy is far too wide"
        )
    entries = [entry_of(row, answers, rows.policies, regions, allowed) for row in every]
    unused = _unused(entries, regions, allowed)
    return Ledger(regions, entries, rows.policies.documents, answers, unused)


def control(one: Ask) -> Ask:
    """What nobody may do, asked of the same policies: an evaluator that allows it allows anything."""
    return replace(one, action=CONTROL, resource=EVERYONE, policy="", endpoint=(), context=())


def entry_of(
    row: Row,
    answers: Mapping[Ask, Answer],
    policies: Policies,
    regions: Regions,
    allowed: Sequence[Spared] = SPARED,
) -> Entry:
    """A row with its verdicts."""
    faults = (*row.missing, *row.route.missing, *_refusals(row, answers, policies))
    proofs = {
        (one.action, one.resource): frozenset(
            policies.cite(*each) for each in answers[one].by if each[0] != REGISTRY_DOCUMENT
        )
        for one in row.asks
    }
    cites = row.route.cites.union(*proofs.values()) - {""}
    verdicts = {one: _verdict(one, row, faults, regions, allowed) for one in Situation}
    return Entry(row, cites, faults, proofs, verdicts)


def _verdict(
    situation: Situation,
    row: Row,
    faults: Sequence[str],
    regions: Regions,
    allowed: Sequence[Spared],
) -> tuple[str, str]:
    if not made_in(situation, row, regions):
        return NOT_MADE, row.not_made
    if faults:
        return FAILS, "; ".join(faults)
    lost = needed_and_lost(situation, row, regions)
    if not lost:
        return OK, ""
    without = spared(situation, row, allowed)
    if without is not None:
        return SPARES, without.instead
    names = ", ".join(sorted(lost))
    return FAILS, (
        f"with the {situation} the call needs {names}, which is not there; keep what it needs in "
        "the survivor, or say in SPARED how the caller does without it"
    )


def _refusals(row: Row, answers: Mapping[Ask, Answer], policies: Policies) -> Iterable[str]:
    for one in row.asks:
        answer = answers[one]
        if answer.allowed:
            continue
        if answer.against:
            by = ", ".join(policies.cite(*each) for each in answer.against)
            yield f"{one.action} on {one.resource} is denied by {by}; except the caller there"
        elif "vpce" in answer.reason:
            yield (
                f"the policy of the endpoint {row.route.endpoint} does not let {one.action} on "
                f"{one.resource} pass; allow it there"
            )
        elif "refuses" in answer.reason:
            yield answer.reason
        elif one.identity or one.principal.startswith("arn:"):
            role = one.principal.rpartition("/")[2]
            yield (
                f"no statement lets {role} do {one.action} on {one.resource}; add it to its policy"
                + (f", or to {one.policy}" if one.policy else "")
            )
        else:
            place = one.policy or "the resource, which has no policy"
            yield f"{place} does not let {one.principal} do {one.action} on {one.resource}; add it"


def _unused(
    entries: Sequence[Entry], regions: Regions, allowed: Sequence[Spared]
) -> tuple[str, ...]:
    """The excuses that no call needs.

    Without a witness those for one do not count, nor those of a call that is made only with one; where a
    service of AWS's copies the log, nor those of our replicator; without a standby none for a lost home.
    """
    if not regions.standby:
        allowed = [one for one in allowed if Situation.HOME_DEAD not in one.situations]
    if not any(entry.row.caller.reader == REPLICATOR for entry in entries):
        allowed = [one for one in allowed if one.reader != REPLICATOR]
    used = {
        id(spared(situation, entry.row, allowed))
        for entry in entries
        for situation in Situation
        if entry.verdicts[situation][0] != NOT_MADE
        and needed_and_lost(situation, entry.row, regions)
    }
    if not regions.witness:
        allowed = [one for one in allowed if Situation.WITNESS_DEAD not in one.situations]
        used |= {
            id(spared(situation, entry.row, allowed))
            for entry in entries
            for situation in Situation
            if entry.row.not_made
        }
    return tuple(
        f"{one.reader} / {one.call} / {one.where}" for one in allowed if id(one) not in used
    )
