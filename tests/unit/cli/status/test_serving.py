"""The first line of the screen: YES needs proof, and what is not known is never YES."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifeline.cli.status.facts import Facts, Unknown
from lifeline.cli.status.serving import Verdict, serving
from lifeline.lambdas.failover.lease import NO_HOLDER
from tests.unit.cli.status.looks import (
    ACTIVE_REPORT,
    HOME,
    LEASE,
    NOW,
    RECOVERY,
    SILENT,
    STANDBY_REPORT,
    look,
    lost,
    region,
)

STILL = replace(STANDBY_REPORT, seen=(3, 70), unmoved_seconds=17.0)


def test_a_keeper_that_renewed_its_database_a_moment_ago_proves_it() -> None:
    found = serving(look())
    assert (found.verdict, found.region, found.epoch) == (Verdict.YES, HOME, 3)
    assert found.sentence.startswith("Patients' alarms are served by ca-central-1, since 20")


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        # The active region is dead: nothing of it answers, and the standby saw the lease stand still.
        (look(lost(HOME), region(RECOVERY, STILL)), Verdict.NO, "has stood still for 20 s"),
        # Not expired yet: it may still serve.
        (
            look(lost(HOME), region(RECOVERY, replace(STILL, unmoved_seconds=8.0))),
            Verdict.UNKNOWN,
            "whether ca-central-1 serves is not known",
        ),
        # A lease that names a region, and nobody who saw it move.
        (look(lost(HOME), lost(RECOVERY)), Verdict.UNKNOWN, "nobody saw whether it moves"),
        # An old report is no report.
        (
            look(region(HOME, replace(ACTIVE_REPORT, at=NOW - 16)), region(RECOVERY, STILL)),
            Verdict.NO,
            "has stood still",
        ),
        # Its keeper lives, and does not renew its database.
        (
            look(
                region(
                    HOME, replace(ACTIVE_REPORT, renewed_row=False, reason="database-unreachable")
                )
            ),
            Verdict.NO,
            "database does not answer",
        ),
        (look(region(HOME, ACTIVE_REPORT, api=503)), Verdict.PARTLY, "public API answers 503"),
        (look(lease=None), Verdict.NO, "There is no lease"),
        (look(lease=replace(LEASE, holder=NO_HOLDER)), Verdict.NO, "the lease is released"),
        (look(lost(HOME), lost(RECOVERY), lease=SILENT), Verdict.UNKNOWN, "credentials first"),
        (
            look(lost(HOME), lease=SILENT),
            Verdict.UNKNOWN,
            "no keeper said in the last 15 s",
        ),
        (look(lease=SILENT), Verdict.PARTLY, "nobody could take over"),
        (
            look(
                lost(HOME),
                region(RECOVERY, replace(STANDBY_REPORT, seen=(4, 71))),
                lease=replace(LEASE, holder=RECOVERY, epoch=4),
            ),
            Verdict.NO,
            "is taking over at epoch 4",
        ),
    ],
)
def test_what_is_not_proven_is_not_yes(facts: Facts, verdict: Verdict, words: str) -> None:
    found = serving(facts)
    assert (found.verdict, words in found.sentence) == (verdict, True), found.sentence


def test_an_environment_that_is_not_there_is_told_apart_from_a_network_that_is_down() -> None:
    """Seen in the lab before its tables were made: a wrong suffix looks the same."""
    absent = Unknown("ResourceNotFoundException")
    nowhere = look(region(HOME, absent), region(RECOVERY, absent), lease=absent)
    assert "Check --suffix" in serving(nowhere).sentence
    assert serving(nowhere).verdict is Verdict.UNKNOWN


def test_the_first_activation_is_no_takeover() -> None:
    activated = replace(LEASE, health={HOME: "recovering"})
    first = look(region(HOME, replace(ACTIVE_REPORT, renewed_row=False)), lease=activated)
    assert "is being made active at epoch 3" in serving(first).sentence


def test_a_lease_that_moves_and_says_serving_is_proof_when_the_region_cannot_be_asked() -> None:
    assert serving(look(lost(HOME), lost(RECOVERY), lease_moved=True)).verdict is Verdict.YES
    recovering = replace(LEASE, health={HOME: "recovering"})
    assert serving(look(lost(HOME), lease=recovering, lease_moved=True)).verdict is Verdict.NO


def test_a_region_that_serves_on_a_promise_is_told_with_what_it_lacks() -> None:
    """A2: without the witness the lease stands still, and the region serves all the same."""
    alone = replace(ACTIVE_REPORT, action="ask-failsafe", reason="witness-unreachable", seen=None)
    found = serving(look(region(HOME, alone), region(RECOVERY, STILL)))
    assert found.verdict is Verdict.YES
    assert "nobody could take over" in found.sentence
