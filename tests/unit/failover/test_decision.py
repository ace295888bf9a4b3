"""The decision, guard by guard: from the one observation that promotes, each doubt alone holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifeline.lambdas.failover.decision import (
    Action,
    DatabaseView,
    Decision,
    Observation,
    Reason,
    decide,
    outlasts,
)
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.policy import Policy

HOME, RECOVERY = "ca-central-1", "ca-west-1"
POLICY = Policy()
NOW = 10_000.0
LEASE = Lease(holder=HOME, epoch=1, renewals=7, writer=HOME)
APPROVED = replace(LEASE, approved_epoch=2, approved_loss_seconds=90.0)
REPLICA = DatabaseView(epoch=1, holder=HOME, in_recovery=True)
LOST = Observation(
    region=RECOVERY,
    lease=LEASE,
    unmoved_seconds=POLICY.expiry_seconds,
    own_probe=Health.UNHEALTHY,
    witness_probe=Health.UNHEALTHY,
    control_answered=True,
    agreed_unhealthy_seconds=30.0,
    database=REPLICA,
    query_api_answered=True,
    markers_advance=False,
    estimated_loss_seconds=1.0,
)


def test_everything_known_and_lost_takes() -> None:
    decision = decide(LOST, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.TAKE, "active-lost")
    assert decision.page, "a region that fails over by itself tells a person that it does"
    assert decision.evidence["epoch"] == 2


@pytest.mark.parametrize(
    ("lease", "loss_seconds", "reason"),
    [
        (replace(LEASE, paused_until=NOW + 1), 1.0, "paused"),
        (replace(LEASE, paused_until=NOW), 1.0, "active-lost"),
        (replace(LEASE, moved_at=NOW - 599), 1.0, "cool-down"),
        (replace(LEASE, moved_at=NOW - 600), 1.0, "active-lost"),
        (replace(APPROVED, approval_until=NOW), 80.0, "loss-above-rpo"),
        (replace(APPROVED, approval_until=NOW + 1), 80.0, "active-lost"),
    ],
)
def test_a_persons_times_are_judged_by_the_tables_clock(
    lease: Lease, loss_seconds: float, reason: str
) -> None:
    """A20: whatever the own clock says."""
    seen = LOST._replace(lease=replace(lease, read_at=NOW), estimated_loss_seconds=loss_seconds)
    for wrong in (-3_600.0, 3_600.0):
        assert decide(seen, POLICY, NOW + wrong).reason == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unmoved_seconds": POLICY.expiry_seconds - 0.001}, "lease-not-expired"),
        ({"unmoved_seconds": 9.9}, "lease-moves"),
        ({"unmoved_seconds": None}, "lease-moves"),
        ({"control_answered": False}, "own-control-probe-failed"),
        ({"database": None}, "own-database-unreachable"),
        ({"query_api_answered": False}, "own-services-unreachable"),
        ({"database": DatabaseView(2, RECOVERY, True)}, "database-newer-than-lease"),
        ({"own_probe": Health.UNKNOWN}, "own-probe-unknown"),
        ({"own_probe": Health.HEALTHY}, "own-probe-healthy"),
        ({"witness_probe": Health.UNKNOWN}, "witness-probe-unknown"),
        ({"witness_probe": Health.HEALTHY}, "witness-probe-healthy"),
        ({"markers_advance": True}, "markers-still-applied"),
        ({"markers_advance": None}, "markers-unknown"),
        ({"estimated_loss_seconds": None}, "loss-unknown"),
        ({"estimated_loss_seconds": 60.001}, "loss-above-rpo"),
        ({"lease": None}, "witness-unreachable"),
        ({"lease": None, "lease_missing": True}, "lease-item-missing"),
        ({"lease": replace(LEASE, paused_until=NOW + 1)}, "paused"),
        ({"lease": replace(LEASE, unfit=frozenset({RECOVERY}))}, "unfit-until-reprotected"),
        ({"lease": replace(LEASE, moved_at=NOW - 599)}, "cool-down"),
        ({"releases": 1, "released_seconds_ago": 29.9}, "backing-off-after-releases"),
        ({"releases": 9, "released_seconds_ago": 299.9}, "backing-off-after-releases"),
    ],
)
def test_any_single_doubt_holds(change: dict[str, object], reason: str) -> None:
    decision = decide(LOST._replace(**change), POLICY, NOW)  # type: ignore[arg-type]
    assert (decision.action, decision.reason) == (Action.HOLD, reason)


@pytest.mark.parametrize(
    ("change", "page", "evidence"),
    [
        ({"lease": None}, False, {}),
        ({"lease": None, "lease_missing": True}, True, {}),
        ({"lease": replace(LEASE, paused_until=NOW + 1)}, False, {"until": NOW + 1}),
        ({"unmoved_seconds": 10.0}, False, {"unmoved_seconds": 10.0}),
        ({"unmoved_seconds": 9.9}, False, {"unmoved_seconds": 9.9}),
        ({"unmoved_seconds": None}, False, {"unmoved_seconds": None}),
        ({"control_answered": False}, False, {}),
        ({"lease": replace(LEASE, unfit=frozenset({RECOVERY}))}, True, {}),
        ({"database": None}, True, {}),
        ({"query_api_answered": False}, True, {}),
        ({"database": DatabaseView(2, RECOVERY, True)}, True, {"database_epoch": 2}),
        ({"lease": replace(LEASE, moved_at=NOW - 599)}, True, {"seconds_left": 1.0}),
        ({"own_probe": Health.HEALTHY}, False, {}),
        ({"witness_probe": Health.HEALTHY}, False, {}),
        ({"markers_advance": True}, True, {}),
        ({"markers_advance": None}, False, {}),
        ({"estimated_loss_seconds": None}, True, {}),
        (
            {"estimated_loss_seconds": 60.5},
            True,
            {"loss_seconds": 60.5, "allowed_seconds": POLICY.max_loss_seconds},
        ),
        ({"releases": 1, "released_seconds_ago": 29.0}, True, {"releases": 1, "seconds_left": 1.0}),
    ],
)
def test_a_hold_pages_only_where_a_person_can_do_something_and_says_what_it_rests_on(
    change: dict[str, object], page: bool, evidence: dict[str, object]
) -> None:
    decision = decide(LOST._replace(**change), POLICY, NOW)  # type: ignore[arg-type]
    assert (decision.action, decision.page, decision.evidence) == (Action.HOLD, page, evidence)


def test_a_take_says_what_it_rests_on() -> None:
    assert decide(LOST, POLICY, NOW).evidence == {
        "epoch": 2,
        "unmoved_seconds": POLICY.expiry_seconds,
        "estimated_loss_seconds": 1.0,
        "agreed_unhealthy_seconds": 30.0,
    }


def test_efs_veto_is_not_one() -> None:
    """Named scenario: only the applied marker vetoes; nothing else in the observation can (A6)."""
    fields = set(Observation._fields)
    assert not {name for name in fields if "file" in name or "cache" in name or "secret" in name}


def test_the_veto_lapses_after_a_minute_of_agreement() -> None:
    vetoed = LOST._replace(markers_advance=True)
    assert decide(vetoed._replace(agreed_unhealthy_seconds=59.9), POLICY, NOW).action is Action.HOLD
    assert decide(vetoed._replace(agreed_unhealthy_seconds=60.0), POLICY, NOW).action is Action.TAKE


def test_loss_gate_waits_for_a_person_and_only_for_this_epoch_and_loss() -> None:
    """Named scenario loss-gate-waits (A5, D9)."""
    lossy = LOST._replace(estimated_loss_seconds=90.0)
    approved = replace(LEASE, approved_epoch=2, approved_loss_seconds=100.0, approval_until=NOW + 1)
    assert decide(lossy._replace(lease=approved), POLICY, NOW).action is Action.TAKE
    for stale in (
        replace(approved, approved_epoch=1),
        replace(approved, approved_loss_seconds=89.0),
        replace(approved, approval_until=NOW),
    ):
        assert decide(lossy._replace(lease=stale), POLICY, NOW).reason == "loss-above-rpo"


@pytest.mark.parametrize(("releases", "ago"), [(0, None), (1, 30.0), (9, 300.0), (9, -0.1)])
def test_the_back_off_ends_and_a_wrong_clock_does_not_prolong_it(
    releases: int, ago: float | None
) -> None:
    seen = LOST._replace(releases=releases, released_seconds_ago=ago)
    assert decide(seen, POLICY, NOW).action is Action.TAKE


class TestHolder:
    """The region that holds the lease."""

    HELD = Observation(region=HOME, lease=LEASE, database=DatabaseView(1, HOME, False))

    def test_renews(self) -> None:
        assert decide(self.HELD, POLICY, NOW).action is Action.RENEW

    @pytest.mark.parametrize(
        "row",
        [
            DatabaseView(0, "", False),
            DatabaseView(1, "", False),
            DatabaseView(1, RECOVERY, False),
            DatabaseView(1, HOME, True),
        ],
    )
    def test_recovers_when_its_database_is_behind(self, row: DatabaseView) -> None:
        assert decide(self.HELD._replace(database=row), POLICY, NOW).action is Action.RECOVER

    def test_renews_without_its_database_so_that_only_a1_stops_it(self) -> None:
        decision = decide(self.HELD._replace(database=None), POLICY, NOW)
        assert (decision.action, decision.page) == (Action.RENEW, True)

    SICK = HELD._replace(ill={"apply": 61.0, "public-path": 70.0}, standby_ready=True)

    @pytest.mark.parametrize("database", [DatabaseView(1, HOME, False), None])
    def test_a_sick_region_serves_degraded_and_tells_a_person(
        self, database: DatabaseView | None
    ) -> None:
        """A11: handing over by itself is off while nothing brings the lease back."""
        decision = decide(self.SICK._replace(database=database), POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.RENEW, "serves-degraded")
        assert decision.page
        assert decision.evidence == {
            "apply_ill_seconds": 61.0,
            "public-path_ill_seconds": 70.0,
            "standby": "ready",
        }

    def test_a_sick_region_hands_over_by_itself_where_that_is_on(self) -> None:
        automatic = replace(POLICY, automatic_hand_over=True)
        decision = decide(self.SICK, automatic, NOW)
        assert (decision.action, decision.reason) == (Action.HAND_OVER, "sick-and-standby-ready")
        assert decide(self.SICK._replace(ill={}), automatic, NOW).reason == "holder"

    @pytest.mark.parametrize(
        "doubt",
        [
            {"standby_ready": None},
            {"standby_ready": False, "standby_reason": "own-probe-unknown"},
            {"lease": replace(LEASE, unfit=frozenset({RECOVERY}))},
            {"lease": replace(LEASE, paused_until=NOW + 1)},
            {"lease": replace(LEASE, moved_at=NOW - POLICY.cool_down_seconds + 1)},
        ],
    )
    def test_it_hands_over_to_nobody_who_might_not_take(self, doubt: dict[str, object]) -> None:
        automatic = replace(POLICY, automatic_hand_over=True)
        decision = decide(self.SICK._replace(**doubt), automatic, NOW)  # type: ignore[arg-type]
        assert (decision.action, decision.reason) == (Action.RENEW, "serves-degraded")

    ASKED = replace(LEASE, hand_over_epoch=1, hand_over_until=NOW + 1)

    def test_a_person_s_word_hands_over_a_region_that_is_well_or_without_its_database(self) -> None:
        for database in (DatabaseView(1, HOME, False), None):
            decision = decide(self.HELD._replace(lease=self.ASKED, database=database), POLICY, NOW)
            assert (decision.action, decision.reason) == (Action.HAND_OVER, "asked-to-hand-over")
            assert decision.evidence["asked_until"] == "1970-01-01T02:46:41Z"

    def test_a_forgotten_word_changes_nothing_by_the_tables_clock(self) -> None:
        """A20: a keeper that runs again after days hands over at no moment that nobody expects."""
        for ends, hands_over in ((NOW, False), (NOW + 1, True)):
            asked = replace(self.ASKED, hand_over_until=ends, read_at=NOW)
            for wrong in (-3_600.0, 3_600.0):
                decision = decide(self.HELD._replace(lease=asked), POLICY, NOW + wrong)
                assert (decision.action is Action.HAND_OVER) is hands_over
        assert decide(self.HELD._replace(lease=self.ASKED), POLICY, NOW + 1).reason == "holder"

    def test_a_word_without_an_end_is_of_the_release_before_and_counts(self) -> None:
        asked = replace(self.ASKED, hand_over_until=None)
        decision = decide(self.HELD._replace(lease=asked), POLICY, NOW)
        assert (decision.action, decision.evidence["asked_until"]) == (Action.HAND_OVER, "no end")

    @pytest.mark.parametrize(
        "lease",
        [
            replace(ASKED, epoch=2, hand_over_epoch=1),
            replace(ASKED, unfit=frozenset({RECOVERY})),
            replace(ASKED, paused_until=NOW + 1),
        ],
    )
    def test_an_old_word_or_one_that_nobody_could_follow_changes_nothing(
        self, lease: Lease
    ) -> None:
        row = DatabaseView(lease.epoch, HOME, False)
        seen = self.HELD._replace(lease=lease, database=row)
        assert decide(seen, POLICY, NOW).reason == "holder"

    def test_holds_when_the_lease_was_rolled_back(self) -> None:
        """Named scenario forced-then-witness-back (A10)."""
        row = DatabaseView(3, HOME, False)
        decision = decide(self.HELD._replace(database=row), POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.HOLD, "database-newer-than-lease")
        assert decision.page
        assert decision.evidence == {"database_epoch": 3, "lease_epoch": 1}

    def test_its_plan_repairs_a_database_that_is_gone_before_the_promotion(self) -> None:
        seen = self.HELD._replace(lease=replace(LEASE, writer=RECOVERY), database=None)
        decision = decide(seen, POLICY, NOW)
        assert (decision.action, decision.reason) == (
            Action.RECOVER,
            "database-unreachable-before-promotion",
        )
        assert not decision.page

    def test_behind_its_lease_it_says_how_far(self) -> None:
        decision = decide(self.HELD._replace(database=DatabaseView(0, "", False)), POLICY, NOW)
        assert (decision.reason, decision.evidence, decision.page) == (
            "database-behind-lease",
            {"database_epoch": 0},
            False,
        )

    @pytest.mark.parametrize(
        ("ready", "word"), [(None, "not known"), (True, "ready"), (False, "own-probe-unknown")]
    )
    def test_who_is_told_of_an_ill_region_reads_whether_the_other_could_take(
        self, ready: bool | None, word: str
    ) -> None:
        seen = self.SICK._replace(standby_ready=ready, standby_reason="own-probe-unknown")
        assert decide(seen, POLICY, NOW).evidence["standby"] == word

    def test_a_region_that_lets_go_tells_a_person_why(self) -> None:
        asked = self.SICK._replace(lease=self.ASKED)
        automatic = replace(POLICY, automatic_hand_over=True)
        for seen, policy in ((asked, POLICY), (self.SICK, automatic)):
            decision = decide(seen, policy, NOW)
            assert decision.action is Action.HAND_OVER
            assert decision.page
            assert decision.evidence["apply_ill_seconds"] == 61.0

    def test_an_ill_region_rests_for_the_cool_down_before_it_lets_go(self) -> None:
        automatic = replace(POLICY, automatic_hand_over=True)
        moved = replace(LEASE, moved_at=NOW - POLICY.cool_down_seconds)
        assert decide(self.SICK._replace(lease=moved), automatic, NOW).action is Action.HAND_OVER


class TestWithoutWitness:
    """Neither a no nor a yes from the witness."""

    ALONE = Observation(region=HOME, lease=None, database=DatabaseView(1, HOME, False))

    def test_asks_for_a_promise(self) -> None:
        decision = decide(self.ALONE, POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.ASK_FAILSAFE, "witness-unreachable")
        assert decision.evidence == {"epoch": 1}

    def test_serves_on_under_a_pause_read_within_ttl(self) -> None:
        paused = self.ALONE._replace(pause_read_seconds_ago=19.9)
        assert decide(paused, POLICY, NOW).action is Action.SERVE_PAUSED
        old = self.ALONE._replace(pause_read_seconds_ago=20.0)
        assert decide(old, POLICY, NOW).action is Action.ASK_FAILSAFE

    def test_a_standby_waits(self) -> None:
        standby = self.ALONE._replace(region=RECOVERY, database=REPLICA)
        assert decide(standby, POLICY, NOW).action is Action.HOLD

    @pytest.mark.parametrize(
        "row", [None, DatabaseView(1, RECOVERY, False), DatabaseView(1, HOME, True)]
    )
    def test_who_does_not_serve_by_its_own_row_asks_for_none(
        self, row: DatabaseView | None
    ) -> None:
        decision = decide(self.ALONE._replace(database=row), POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.HOLD, "witness-unreachable")


class TestNoWitness:
    """An environment of two regions: only a person makes the other one active (A21)."""

    ROW = DatabaseView(1, HOME, False, renewed_seconds_ago=1.0)
    SERVES = Observation(region=HOME, lease=LEASE, database=ROW, alone=True)

    def test_it_goes_on_by_itself_while_it_serves(self) -> None:
        assert decide(self.SERVES, POLICY, NOW).action is Action.RENEW
        last = replace(self.ROW, renewed_seconds_ago=POLICY.ttl_seconds - 0.001)
        assert decide(self.SERVES._replace(database=last), POLICY, NOW).action is Action.RENEW

    @pytest.mark.parametrize(
        "row",
        [
            None,
            replace(ROW, renewed_seconds_ago=None),
            replace(ROW, renewed_seconds_ago=POLICY.ttl_seconds),
            replace(ROW, in_recovery=True),
        ],
    )
    def test_one_that_stood_still_starts_only_by_the_other_regions_or_a_persons_word(
        self, row: DatabaseView | None
    ) -> None:
        stood = self.SERVES._replace(database=row)
        decision = decide(stood, POLICY, NOW)
        assert (decision.action, decision.reason) == (
            Action.HOLD,
            "stopped-without-the-other-region",
        )
        assert (decision.page, decision.evidence) == (True, {"epoch": 1})
        assert decide(stood._replace(other_promised=True), POLICY, NOW).action is not Action.HOLD
        assert decide(stood._replace(bound_to_epoch=1), POLICY, NOW).action is not Action.HOLD
        assert decide(stood._replace(bound_to_epoch=2), POLICY, NOW).action is Action.HOLD

    def test_it_stops_when_the_other_region_was_made_active(self) -> None:
        replaced = self.SERVES._replace(other_promised=False, bound_to_epoch=1)
        decision = decide(replaced, POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.HOLD, "other-region-was-made-active")
        assert (decision.page, decision.evidence) == (True, {"epoch": 1})

    def test_the_other_region_waits_for_a_person(self) -> None:
        for seen in (
            LOST._replace(alone=True),
            LOST._replace(alone=True, lease=None, lease_missing=True),
        ):
            decision = decide(seen, POLICY, NOW)
            assert (decision.action, decision.reason) == (Action.HOLD, "takeover-is-a-persons")
            assert not decision.page

    @pytest.mark.parametrize("row", [None, ROW])
    def test_a_lost_lease_item_of_its_own_pages(self, row: DatabaseView | None) -> None:
        seen = self.SERVES._replace(lease=None, lease_missing=True, database=row)
        decision = decide(seen, POLICY, NOW)
        assert (decision.reason, decision.page) == ("lease-item-missing", True)

    def test_it_lets_nobody_take_what_only_a_person_gives(self) -> None:
        asked = self.SERVES._replace(lease=replace(LEASE, hand_over_epoch=1))
        assert decide(asked, POLICY, NOW).action is Action.RENEW


class TestReleased:
    """Nobody holds the lease: a plan gave up before the point of no return (A3, A13)."""

    FREE = replace(LEASE, holder=NO_HOLDER, epoch=2)

    def test_the_writer_takes_without_waiting(self) -> None:
        seen = Observation(
            region=HOME,
            lease=self.FREE,
            control_answered=True,
            database=DatabaseView(1, HOME, False),
            query_api_answered=True,
        )
        decision = decide(seen, POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.TAKE, "released-to-writer")
        assert decision.page

    def test_the_other_waits_like_for_a_lost_active(self) -> None:
        seen = LOST._replace(lease=self.FREE, own_probe=Health.HEALTHY)
        assert decide(seen, POLICY, NOW).reason == "own-probe-healthy"


class TestHandedOver:
    """The active region let go of the lease for the other one to take (A11)."""

    LEFT = replace(LEASE, holder=NO_HOLDER, hand_over_epoch=1, renewals=8)
    ALIVE = LOST._replace(
        lease=LEFT,
        own_probe=Health.HEALTHY,
        witness_probe=Health.HEALTHY,
        markers_advance=True,
    )

    def test_the_other_region_takes_from_one_that_lives(self) -> None:
        decision = decide(self.ALIVE, POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.TAKE, "handed-over")
        assert decision.page

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            # It may serve for a ttl after it let go: nothing but the expiry says that it does not.
            ({"unmoved_seconds": POLICY.expiry_seconds - 0.001}, "lease-not-expired"),
            ({"lease": replace(LEFT, paused_until=NOW + 1)}, "paused"),
            ({"control_answered": False}, "own-control-probe-failed"),
            ({"lease": replace(LEFT, unfit=frozenset({RECOVERY}))}, "unfit-until-reprotected"),
            ({"database": DatabaseView(2, RECOVERY, True)}, "database-newer-than-lease"),
            ({"estimated_loss_seconds": 60.001}, "loss-above-rpo"),
            ({"releases": 1, "released_seconds_ago": 29.9}, "backing-off-after-releases"),
        ],
    )
    def test_what_else_holds_a_take_holds_this_one(
        self, change: dict[str, object], reason: str
    ) -> None:
        decision = decide(self.ALIVE._replace(**change), POLICY, NOW)  # type: ignore[arg-type]
        assert (decision.action, decision.reason) == (Action.HOLD, reason)

    def test_who_let_go_takes_it_back_when_nobody_took_it(self) -> None:
        row = DatabaseView(1, HOME, False)
        old = self.ALIVE._replace(region=HOME, database=row, unmoved_seconds=119.9)
        held = decide(old, POLICY, NOW)
        assert (held.reason, held.page) == ("waits-after-hand-over", False)
        assert held.evidence == {"waited_seconds": 119.9}
        unseen = old._replace(unmoved_seconds=None)
        assert decide(unseen, POLICY, NOW).reason == "waits-after-hand-over"
        late = old._replace(unmoved_seconds=POLICY.hand_over_seconds)
        decision = decide(late, POLICY, NOW)
        assert (decision.action, decision.reason) == (Action.TAKE, "released-to-writer")


EXPIRY = POLICY.expiry_seconds


@pytest.mark.parametrize("reason", Reason)
def test_a_hold_of_any_word_pages_when_it_outlives_the_expiry_by_90_seconds(reason: Reason) -> None:
    """A19: and again every quarter of an hour."""
    held = Decision(Action.HOLD, reason)
    for seconds, pages in ((89.9, 0), (90.0, 1), (989.9, 1), (990.0, 2), (2_790.0, 4)):
        seen = LOST._replace(unmoved_seconds=EXPIRY + seconds)
        assert outlasts(seen, held, POLICY) == pages
        blind = LOST._replace(lease=None, blind_seconds=EXPIRY + seconds)
        assert outlasts(blind, held, POLICY) == pages


def test_who_does_not_hold_or_does_not_know_since_when_pages_by_its_word_only() -> None:
    late = LOST._replace(unmoved_seconds=10 * EXPIRY)
    assert outlasts(late, Decision(Action.TAKE, Reason.ACTIVE_LOST), POLICY) == 0
    held = Decision(Action.HOLD, Reason.OWN_PROBE_HEALTHY)
    assert outlasts(LOST._replace(unmoved_seconds=None), held, POLICY) == 0
    assert outlasts(LOST._replace(lease=None), held, POLICY) == 0
