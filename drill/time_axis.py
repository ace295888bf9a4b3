"""Which lanes a run's picture has, and what stands in them: everything in seconds from the fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill import spans, story
from drill.guards import TAKES, VERBS, words
from drill.objective_rows import seconds
from drill.platform_records import seconds_of
from drill.plots import (
    BAD,
    CALM,
    GOOD,
    INK,
    WORK,
    Axis,
    Bars,
    Lane,
    Line,
    Mark,
    Rows,
    Stretch,
    Tries,
    picture,
)
from drill.scenarios import SCENARIOS

Body = Mapping[str, Any]
WIDE, NARROW = 1040, 368
COLOURS = {"renew": GOOD, "take": WORK, "promote": WORK, "recover": WORK}


def _nothing_left(body: Body) -> bool:
    """Whether its scenario leaves nothing of the home region."""
    scenario = SCENARIOS.get(body["scenario"])
    return scenario is not None and scenario.loses_home


def drawn(body: Body) -> str:
    """The picture in both widths; CSS shows one."""
    marks, strips, label = marks_of(body), lanes(body), describe(body)
    return "".join(
        picture(strips, axis(body, width), marks, label=label, kind=kind)
        for width, kind in ((WIDE, "wide"), (NARROW, "narrow"))
    )


def axis(body: Body, width: int) -> Axis:
    """From the run's beginning to its last sample; its zero is the fault, or without one the beginning."""
    zero = zero_of(body)
    begin = seconds_of(body["started_at"]) - zero
    ends = [one["at"] for one in body["synthetic_tries"][-1:]]
    ends += [one["at"] for one in body["throughput_samples"][-1:]]
    ends += [seconds_of(one["at"]) for one in body["epoch_times"][-1:]]
    # The checking after the stream is not part of what happened.
    end = max([*ends, zero + begin + 1]) - zero + 1
    return Axis(width, begin, end, prefix="T" if body["fault_at"] else "")


def zero_of(body: Body) -> float:
    """The fault, as epoch seconds; the run's beginning when nothing was broken."""
    return seconds_of(body["fault_at"] or body["started_at"])


def marks_of(body: Body) -> list[Mark]:
    """The fault, each change of the epoch, and when clients were served again."""
    zero = zero_of(body)
    found = []
    if body["fault_at"]:
        found.append(Mark(0.0, "fault", BAD))
    took = {int(one["epoch"]): one["at"] for one in body["epoch_times"][1:]}
    for epoch, at in took.items():
        since = seconds_of(at) - zero
        found.append(Mark(since, f"epoch {epoch}, T+{since:.0f} s", WORK))
    clients = spans.outage(body)
    if story.fails_over(body) and clients is not None and clients[1] is not None:
        found.append(Mark(clients[1], f"served again, T+{clients[1]:.0f} s", GOOD))
    return found


def lanes(body: Body) -> list[Lane]:
    """From what clients saw down to what the machines did."""
    found: list[Lane] = [_tries(body)]
    regions = [story.home(body), story.standby(body)]
    found += [_decisions(body, region) for region in regions if region]
    plan = _plan(body)
    if plan is not None:
        found.append(plan)
    alarms = _alarms(body)
    if alarms is not None:
        found.append(alarms)
    found += [_exposure(body), _accepted(body)]
    backlog = _backlog(body)
    if backlog is not None:
        found.append(backlog)
    return found


def describe(body: Body) -> str:
    """The picture in words, for who cannot see it."""
    tries = body["synthetic_tries"]
    failed = sum(not one["green"] for one in tries)
    text = f"Time axis of the run: {len(tries)} test transactions, {failed} failed"
    clients = spans.outage(body)
    if clients is not None and story.fails_over(body):
        begin, end = clients
        until = "without an end" if end is None else f"to T+{end:.0f} s"
        text += f"; no service from T{begin:+.0f} s {until}"
    took = spans.take(body)
    if took is not None:
        at = seconds_of(took["at"]) - zero_of(body)
        text += f"; {took['region']} took the lease at T+{at:.0f} s"
    return text + "."


def _tries(body: Body) -> Lane:
    zero = zero_of(body)
    outage = None
    clients = spans.outage(body)
    if clients is not None and story.fails_over(body):
        begin, end = clients
        last = body["synthetic_tries"][-1]["at"] - zero
        shown = last if end is None else end
        words_ = "no service" if end is None else f"recovered in {shown - begin:.1f} s"
        outage = (begin, shown, words_)
    return Tries(
        "Test transactions, one a second (| answered, × not)",
        [(one["at"] - zero, one["green"]) for one in body["synthetic_tries"]],
        outage,
        height=40 if outage else 20,
    )


def _decisions(body: Body, region: str) -> Lane:
    """What the region's keeper decided, each until the next; nothing is decided where nothing is left."""
    zero, bounds = zero_of(body), axis(body, WIDE)
    lost = region == story.home(body) and _nothing_left(body) and body["fault_at"]
    end = 0.0 if lost else bounds.end
    mine = [one for one in body["decisions"] if one.get("region") == region]
    found = []
    for number, one in enumerate(mine):
        at = seconds_of(one["at"]) - zero
        until = seconds_of(mine[number + 1]["at"]) - zero if number + 1 < len(mine) else end
        if min(until, end) > max(at, bounds.begin):
            found.append(_stretch(one, max(at, bounds.begin), min(until, end)))
    if lost:
        found.append(
            Stretch(0.0, bounds.end, "lost" if body["scenario"] != "hang" else "hangs", BAD, True)
        )
    role = "home" if region == story.home(body) else "standby"
    said = "new decisions of its keeper" if found else "no new decision of its keeper"
    return Bars(f"{region} ({role}): {said}", found)


def _stretch(decision: Mapping[str, Any], begin: float, end: float) -> Stretch:
    action = str(decision["action"])
    verb = VERBS.get(action, action)
    text = verb if action in ("renew", *TAKES) else f"{verb}: {words(str(decision['reason']))}"
    return Stretch(begin, end, text, COLOURS.get(action, CALM))


def _plan(body: Body) -> Lane | None:
    steps = [one for one in body["timeline"] if one["started_at"]]
    if not steps:
        return None
    zero = zero_of(body)
    begin = min(seconds_of(one["started_at"]) for one in steps) - zero
    ends = [seconds_of(one["ended_at"]) - zero for one in steps if one["ended_at"]]
    end = max(ends, default=begin)
    return Bars(
        "Failover plan", [Stretch(begin, end, f"{len(steps)} steps, {end - begin:.1f} s", WORK)]
    )


def _alarms(body: Body) -> Lane | None:
    """Each alarm that fired, for as long as it did; None where nothing was judged, or not yet."""
    judged = [one for one in body.get("alarms", ()) if one["changes"]]
    if not judged or not body["verdict"]:
        return None
    zero, end = zero_of(body), axis(body, WIDE).end
    rows = []
    for one in judged:
        states = one["changes"]
        for number, change in enumerate(states):
            begin = seconds_of(change["at"]) - zero
            if change["state"] != "ALARM":
                continue
            name = f"{one['name']} ({one['region']})"
            if begin >= end:
                # Judged while the journals are checked, after the last sample, where the axis ends.
                at = story.clock(body, seconds_of(change["at"]))
                rows.append(Stretch(end, end, f"{name}, later: {at}", BAD))
                continue
            later = states[number + 1]["at"] if number + 1 < len(states) else None
            until = end if later is None else min(end, seconds_of(later) - zero)
            rows.append(Stretch(begin, until, name, BAD))
    rows.sort(key=lambda row: row.begin)
    able = sum(not one["not_provable"] for one in judged)
    title = f"Alarms: {able} of {len(body['alarms'])} had figures and time to fire; "
    return Rows(title + ("each that did" if rows else "none fired"), rows)


def _exposure(body: Body) -> Lane:
    """The lag as the standby proves it; after a loss it says nothing more, so it ends there."""
    zero = zero_of(body)
    loss = story.fails_over(body) and body["fault_at"]
    points: list[tuple[float, float | None]] = [
        (one["at"] - zero, one["lag_seconds"])
        for one in body["lag_samples"]
        if not loss or one["at"] <= zero
    ]
    last = ""
    if loss and body["rpo_seconds"] is not None:
        last = f"exposure at the fault {seconds(body['rpo_seconds'])}"
        points.append((0.0, body["rpo_seconds"]))
    return Line(
        "Age of the newest data known to be in the other region, s",
        points,
        limit=body["rpo_target_seconds"],
        limit_words=f"limit {body['rpo_target_seconds']:g} s",
        last_words=last,
    )


def _accepted(body: Body) -> Lane:
    zero = zero_of(body)
    samples = body["throughput_samples"]
    points = [(one["at"] - zero, one["accepted_per_second"]) for one in samples]
    return Line("Accepted, events a second", points, INK)


def _backlog(body: Body) -> Lane | None:
    """Accepted and not yet stored, counted back from the end, where all of it is stored."""
    points = backlog(body["throughput_samples"], body["events"])
    if not points:
        return None
    zero = zero_of(body)
    highest_at, highest = max(points, key=lambda one: one[1])
    title = f"Accepted, not yet stored: at most {highest:,.0f} events"
    if body["fault_at"]:
        title += f", at {story.clock(body, highest_at)}"
    return Line(title, [(at - zero, value) for at, value in points], WORK)


def backlog(
    samples: Sequence[Mapping[str, Any]], events: Mapping[str, Any]
) -> list[tuple[float, float]]:
    """By second; empty while nobody has counted what is stored."""
    if not any(one["stored_per_second"] for one in samples):
        return []
    waiting = max(0.0, float(events["accepted"] - events["stored"]))
    found = []
    for one in reversed(samples):
        found.append((float(one["at"]), max(0.0, waiting)))
        waiting += (one["stored_per_second"] or 0.0) - (one["accepted_per_second"] or 0.0)
    return found[::-1]
