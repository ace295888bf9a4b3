"""The proof's own proof: each thing that the ledger rests on is removed, one at a time.

A removal is *found* when a call fails without it; else the row is *redundant*, and what covers it is named.
Only the calls that cite the removed thing are judged again, all of them with one batch of questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifeline.compliance.reach.ledger import Entry, Ledger, entry_of
from lifeline.compliance.reach.rights import Answer, Ask, Evaluate
from lifeline.compliance.reach.rows import Row, Rows
from lifeline.compliance.reach.world import World


@dataclass(frozen=True)
class Removal:
    """What one removal did."""

    what: str
    kind: str
    """The type of the resource that it is, or is part of."""
    found_by: tuple[str, ...]
    """The first calls that fail without it; none: it is redundant."""
    covered_by: tuple[str, ...]
    """What the calls rest on instead, where it is redundant."""

    @property
    def found(self) -> bool:
        """Whether a call fails without it."""
        return bool(self.found_by)

    @property
    def explained(self) -> bool:
        """Whether the removal was found, or it is known what covers it."""
        return bool(self.found_by or self.covered_by)


@dataclass(frozen=True)
class _Trial:
    what: str
    rows: Rows
    again: Sequence[tuple[Entry, Row]]


def cited(ledger: Ledger) -> list[str]:
    """Every route, rule, endpoint and statement that a call rests on."""
    return sorted({cite for entry in ledger.entries if not entry.fails for cite in entry.cites})


def removals(
    world: World, ledger: Ledger, evaluate: Evaluate, only: Sequence[str] | None = None
) -> list[Removal]:
    """Each of `only` (default: all that the ledger cites) removed from the templates."""
    trials = [_trial(world, ledger, what) for what in (cited(ledger) if only is None else only)]
    documents = dict(ledger.documents)
    new: dict[tuple[int, Ask], Ask] = {}
    for number, trial in enumerate(trials):
        for _, row in trial.again:
            for one in row.asks:
                if (number, one) not in new:
                    new[number, one] = _numbered(one, number, trial.rows, documents)
    asks = [one for one in dict.fromkeys(new.values()) if one not in ledger.answers]
    told = {**ledger.answers, **dict(zip(asks, evaluate(documents, asks), strict=True))}
    answers = {key: _plain(told[one]) for key, one in new.items()}
    return [_removal(world, trial, number, answers, ledger) for number, trial in enumerate(trials)]


def _trial(world: World, ledger: Ledger, what: str) -> _Trial:
    rows = Rows(world.without(what), ledger.regions)
    concerned = [one for one in ledger.entries if what in one.cites and not one.fails]
    return _Trial(what, rows, [(one, rows.again(one.row)) for one in concerned])


def _numbered(one: Ask, number: int, rows: Rows, documents: dict[str, object]) -> Ask:
    """The question with keys that hold the trial's own documents: unchanged ones are shared."""

    def key(name: str) -> str:
        document = rows.policies.documents[name]
        if documents.setdefault(name, document) == document:
            return name
        documents[f"{name}@{number}"] = document
        return f"{name}@{number}"

    return Ask(
        one.principal,
        one.action,
        one.resource,
        one.context,
        tuple(key(name) for name in one.identity),
        key(one.policy) if one.policy else "",
        tuple(key(name) for name in one.endpoint),
    )


def _plain(answer: Answer) -> Answer:
    def named(found: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
        return tuple((key.partition("@")[0], number) for key, number in found)

    return Answer(answer.allowed, named(answer.by), named(answer.against), answer.reason)


def _removal(
    world: World,
    trial: _Trial,
    number: int,
    told: Mapping[tuple[int, Ask], Answer],
    ledger: Ledger,
) -> Removal:
    failing, covering = list[str](), set[str]()
    for before, row in trial.again:
        answers = {one: told[number, one] for one in row.asks}
        after = entry_of(row, answers, trial.rows.policies, ledger.regions)
        if after.fails or row.not_made != before.row.not_made:
            failing += [*after.sentences(), f"{row.call}: {row.not_made}"][:1]
        else:
            covering |= _covering(before, after, trial.what)
    kind = _kind(world, trial.what)
    return Removal(trial.what, kind, tuple(failing[:3]), tuple(sorted(covering)))


def _covering(before: Entry, after: Entry, what: str) -> set[str]:
    """What allows the same questions, and carries the same call, instead."""
    found = set[str]()
    if what in before.row.route.cites:
        found |= after.row.route.cites - before.row.route.cites
    for question, cites in before.proofs.items():
        if what in cites:
            found |= {_as_before(one, what) for one in after.proofs.get(question, ())}
    return found


def _as_before(cite: str, removed: str) -> str:
    """A place in the templates as they were: behind a removed statement all numbers were one greater."""
    parent, _, number = removed.rpartition("/")
    if parent and cite.startswith(f"{parent}/"):
        at, *rest = cite.removeprefix(f"{parent}/").split("/")
        if at.isdigit() and int(at) >= int(number):
            return "/".join([parent, str(int(at) + 1), *rest])
    return cite


def _kind(world: World, what: str) -> str:
    found = world.by_token(what.partition("/")[0])
    return found.type if found else ""
