"""The failover in sequence, the plan with its point of no return, and the lease's states."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator

from lifeline.lambdas.failover import decision, lease, plan
from lifeline.lambdas.failover.policy import Policy
from scripts.pictures.graph import Arrow, Box, Graph, Kind
from scripts.pictures.sequence import Message, Sequence, Turn

FAILURE_KINDS = {
    plan.OnFailure.COMPENSATE: (Kind.GOOD, "fails: release the lease"),
    plan.OnFailure.DEGRADE: (Kind.PLAIN, "fails: go on without"),
    plan.OnFailure.PAGE_AND_REPEAT: (Kind.CAREFUL, "fails: page, repeat"),
}
HOME, RECOVERY = "home", "recovery"


def sequence() -> Sequence:
    """Detection by the constants of `Policy`, then every step of `PLAN` with the latest second it ends."""
    policy = Policy()
    keeper, witness, steps, old = "Standby's keeper", "Witness", "Failover plan", "Lost region"
    needed = f"{policy.probes_needed} of {policy.probes_window} probes UNHEALTHY"
    rows: list[Message | Turn] = [
        Message(old, witness, "last renewal of the lease", "0 s"),
        Message(old, old, "stops serving (A1)", f"{policy.ttl_seconds:g} s"),
        Message(witness, keeper, needed, f"{policy.expiry_seconds:g} s"),
        Message(keeper, keeper, "the lease did not move: expired", f"{policy.expiry_seconds:g} s"),
    ]
    passed = plan.DETECT_BUDGET_SECONDS + plan.DECIDE_BUDGET_SECONDS
    rows += [
        Message(keeper, keeper, f"{len(decision.TAKE_GUARDS)} guards let go", f"{passed:g} s"),
        Message(keeper, witness, "take the lease: epoch + 1", f"{passed:g} s"),
        Message(keeper, steps, "start the plan", f"{passed:g} s"),
    ]
    for stage in plan.stages():
        passed += max(step.budget_seconds for step in stage)
        for step in stage:
            rows.append(Message(steps, steps, f"{step.name}: {step.description}", f"{passed:g} s"))
            if step.name == plan.POINT_OF_NO_RETURN:
                rows.append(Turn("point of no return: from here on the plan only goes forward"))
    return Sequence(
        "An unplanned failover: budgets from the last renewal",
        (old, witness, keeper, steps),
        rows,
    )


def plan_graph() -> Graph:
    """Every stage of `PLAN`: steps of one stage one below the other, and how each fails."""
    boxes = [Box("begin", "start", 1.5, 0, ("the keeper took the lease",))]
    arrows: list[Arrow] = []
    before = ["begin"]
    for row, stage in enumerate(plan.stages(), start=1):
        for number, step in enumerate(stage):
            kind, words = FAILURE_KINDS[step.on_failure]
            lines = [f"budget {step.budget_seconds} s", words]
            if step.name == plan.POINT_OF_NO_RETURN:
                kind = Kind.FINAL
                lines.append("POINT OF NO RETURN")
            column = 1.5 + number - (len(stage) - 1) / 2
            boxes.append(Box(step.name, step.name, column, row, tuple(lines), kind))
            arrows += [Arrow(one, step.name) for one in before]
        before = [step.name for step in stage]
    return Graph(
        f"The failover plan: {plan.rto_budget_seconds()} s with detection and decision",
        boxes,
        arrows,
        cell=(190, 104),
        direction="TD",
    )


LeaseState = tuple[str, str]
"""(holder, writer)."""


def lease_graph() -> Graph:
    """Holder and writer as the transitions of `lease` reach them, from the first lease on."""
    transitions = sorted(_lease_transitions())
    states = sorted({state for source, _, target in transitions for state in (source, target)})
    columns = {HOME: 0.0, lease.NO_HOLDER: 1.5, RECOVERY: 3.0}
    rows = {HOME: (1.2, 0.0), RECOVERY: (2.8, 4.0)}
    boxes = [
        Box(
            _state_id(state),
            f"holder: {state[0] or 'nobody'}",
            columns[state[0]],
            rows[state[1]][state[0] == lease.NO_HOLDER],
            (f"writer: {state[1]}", _meaning(state)),
            _state_kind(state),
        )
        for state in states
    ]
    arrows = [
        Arrow(_state_id(source), _state_id(target), name) for source, name, target in transitions
    ]
    return Graph("The lease's states", boxes, arrows, cell=(200, 96), direction="LR")


def _lease_transitions() -> set[tuple[LeaseState, str, LeaseState]]:
    """Every change that `take`, `release` and `record_writer` allow, found by calling them."""
    first = lease.Lease(holder=HOME, epoch=1, renewals=0, writer=HOME)
    open_leases, seen = [first], set()
    found: set[tuple[LeaseState, str, LeaseState]] = set()
    while open_leases:
        one = open_leases.pop()
        if (key := (one.holder, one.writer, one.unfit)) in seen:
            continue
        seen.add(key)
        for region in (HOME, RECOVERY):
            for name, after in _moves(one, region):
                if (after.holder, after.writer) != (one.holder, one.writer):
                    label = f"{region} {name}"
                    found.add(
                        ((one.holder, one.writer), label, (after.holder, after.writer)),
                    )
                open_leases.append(after)
    return found


def _moves(one: lease.Lease, region: str) -> Iterator[tuple[str, lease.Lease]]:
    tries = {
        "takes": None
        if one.holder == region
        else lease.take(one, region=region, seen=one, now=1.0),
        "releases": lease.release(one, region=region, epoch=one.epoch),
        "is promoted": lease.record_writer(one, region=region, epoch=one.epoch),
    }
    yield from ((name, after) for name, after in tries.items() if after is not None)


def _state_id(state: LeaseState) -> str:
    return f"{state[0] or 'nobody'}_{state[1]}"


def _meaning(state: LeaseState) -> str:
    holder, writer = state
    if holder == lease.NO_HOLDER:
        return "released: nobody serves"
    return f"{holder} is active" if holder == writer else f"{holder} runs its plan"


def _state_kind(state: LeaseState) -> Kind:
    if state[0] == lease.NO_HOLDER:
        return Kind.FINAL
    return Kind.GOOD if state[0] == state[1] else Kind.CAREFUL


def guard_table() -> str:
    """The guards of a take in their order, with the reasons that each may give, read from its source."""
    lines = ["| # | guard | reasons it may hold for |", "|---|---|---|"]
    for number, guard in enumerate(decision.TAKE_GUARDS, start=1):
        reasons = ", ".join(f"`{reason}`" for reason in _reasons(guard))
        name = guard.__name__.strip("_").replace("_", " ")
        lines.append(f"| {number} | {name} | {reasons} |")
    return "\n".join(lines)


def _reasons(guard: Callable[..., object]) -> list[str]:
    # `_hold(reason, ...)`, or `Decision(action, reason, ...)`
    place = {"_hold": 0, "Decision": 1}
    calls = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(guard)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in place
    ]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    found = [_word(call.args[place[ast.unparse(call.func)]]) for call in calls]
    if not found:
        raise ValueError(f"guard {guard.__name__} gives no reason that this script can read")
    return found


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return ast.unparse(node.value).lower().replace("_", "-") + "-…"
    if isinstance(node, ast.Attribute):
        return node.attr.lower().replace("_", "-")
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)
