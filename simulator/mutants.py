"""Rules that no world runs: the text without which a rule is not kept, and the test that fails then (E4).

Each row is applied in a copy of the repository. A row whose text is not there exactly once is refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = (".git", ".venv", "node_modules", "build", "__pycache__", "cdk.out", ".mypy_cache")
TESTS_FAILED = 1
"""pytest's exit status; any other than this and 0 says that the tests were not run."""


@dataclass(frozen=True)
class Mutant:
    """In `file`, `text` becomes `instead`; `test` must then fail."""

    rule: str
    file: str
    text: str
    instead: str
    test: str


def mutants(*rows: tuple[str, str, str, str, str]) -> tuple[Mutant, ...]:
    """One for each row."""
    return tuple(Mutant(*row) for row in rows)


MUTANTS = mutants(
    (
        "A3",
        "lambdas/failover/lease.py",
        "lease, holder=NO_HOLDER, renewals=lease.renewals + 1, unfit=frozenset(), moved_at=0.0",
        "lease, renewals=lease.renewals + 1",
        "tests/unit/keeper/test_cycle.py",
    ),
    (
        "A4",
        "lambdas/keeper/cycle.py",
        "current = taken or self._read_lease()[0]",
        "current = taken",
        "tests/unit/keeper/test_cycle.py::test_a_take_whose_reply_is_lost_starts_the_plan",
    ),
    (
        "A5",
        "lambdas/keeper/memory.py",
        "return max(self.last_healthy_at, self.renewed_at)",
        "return self.last_healthy_at",
        "tests/unit/keeper/test_memory.py::test_an_active_that_renewed_behind_an_ill_front_may_have_accepted_until_then",
    ),
    (
        "A6",
        "lambdas/failover/decision.py",
        "if o.agreed_unhealthy_seconds >= policy.veto_lapse_seconds:",
        "if False:",
        "tests/unit/failover/test_decision.py::test_the_veto_lapses_after_a_minute_of_agreement",
    ),
    (
        "A7",
        "lambdas/keeper/cycle.py",
        "before = before if kept is None else OwnHealth.from_json(kept, epoch=epoch)",
        "pass",
        "tests/unit/keeper/test_cycle.py::test_a_keeper_that_is_replaced_counts_on",
    ),
    (
        "A8",
        "lambdas/failover_step/authority_steps.py",
        "epoch = old.fence_epoch(epoch=context.epoch)",
        "epoch = context.epoch",
        "tests/integration/datapath/test_recovery_steps.py::test_the_other_sides_database_is_fenced",
    ),
    (
        "A10",
        "lambdas/adapters/authority_init.py",
        "epoch = 1 + max(above,",
        "epoch = max(above,",
        "tests/unit/cli/test_authority.py::test_init_is_one_above_the_highest_epoch",
    ),
    (
        "A12",
        "lambdas/failover/health.py",
        "if not control_answered:",
        "if False:",
        "tests/unit/failover/test_health_and_lag.py::test_an_observer_without_its_control_knows_nothing",
    ),
    (
        "A13",
        "lambdas/failover/decision.py",
        "if o.region in lease.unfit:",
        "if False:",
        "tests/unit/failover/test_decision.py",
    ),
    (
        "A14",
        "lambdas/failover/decision.py",
        'return Decision(Action.ASK_FAILSAFE, Reason.WITNESS_UNREACHABLE, {"epoch": row.epoch})',
        "return Decision(Action.SERVE_PAUSED, Reason.WITNESS_UNREACHABLE_WHILE_PAUSED)",
        "tests/unit/keeper/test_cycle.py",
    ),
    (
        "A15",
        "services/shared/serving_guard.py",
        "if asked_at - self._moved_at >= self._ttl_seconds:",
        "if False:",
        "tests/unit/shared/test_serving_guard.py",
    ),
    (
        "A19",
        "lambdas/failover/readiness.py",
        "return Health.UNHEALTHY if health is Health.HEALTHY else health",
        "return Health.UNHEALTHY",
        "tests/unit/failover/test_readiness.py",
    ),
    (
        "A21",
        "lambdas/failover/decision.py",
        "if observation.other_promised is False:",
        "if False:",
        "tests/unit/keeper/test_cycle_alone.py",
    ),
    (
        "B1",
        "lambdas/failover/log_proof.py",
        "sequence, born_ms = min(reached)",
        "sequence, born_ms = max(reached)",
        "tests/unit/failover/test_log_proof.py::test_every_declared_partition_must_have_come_as_far",
    ),
    (
        "B3",
        "constructs/lifeline/application/mapping/put_records.response.vtl",
        "#set($context.responseOverride.status = 207)\n",
        "",
        "tests/unit/constructs/application/test_put_records.py::test_rule_b3_one_failed_record_is_207",
    ),
    (
        "B4",
        "lambdas/stream_bridge/batch.py",
        "                marker = found\n",
        "                marker = marker or found\n",
        "tests/unit/stream_bridge/test_batch.py::test_only_the_last_marker_is_written_with_its_own_sequence",
    ),
    (
        "B16",
        "services/replicator/mirror.properties",
        "peer->own.transforms = provenance\n",
        "",
        "tests/unit/replicator/test_mirror_settings.py::test_one_direction_with_identical_names_and_the_provenance_filter",
    ),
    (
        "B17",
        "lambdas/failover/markers.py",
        "return max(1.0, shards * partitions / MAX_MARKER_PAIRS_PER_SECOND)",
        "return 1.0",
        "tests/unit/failover/test_markers.py::test_marker_load_stretches_the_interval",
    ),
    (
        "B19",
        "drill/journal.py",
        "accepted = [n for n in self._segments[oldest].numbers if self.kept[n].receipt]",
        "accepted = list(self._segments[oldest].numbers)",
        "tests/unit/drill/test_journal.py::test_a_full_disk_drops_accepted_before_unaccepted",
    ),
    (
        "B21",
        "lambdas/lag_meter/risk.py",
        "if seconds is None or rate.per_second is None:\n        return None",
        "if seconds is None or rate.per_second is None:\n        return 0.0",
        "tests/unit/lag_meter",
    ),
    (
        "B22",
        "constructs/lifeline/streaming/edge_stream.py",
        "if hours * 3_600 <= needed:",
        "if False:",
        "tests/unit/constructs/streaming/test_edge_stream.py::test_a_retention_that_ends_before_a_failover_is_refused",
    ),
    (
        "C1",
        "services/event_applier/store.py",
        'self._connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (APPLY_LOCK,))',
        "pass",
        "tests/integration/datapath/test_apply_store.py::test_fence_under_load",
    ),
    (
        "C4",
        "services/event_applier/aggregates.py",
        "ORDER BY aggregate_type, aggregate_id, sequence DESC, occurred_on DESC, event_id DESC",
        "ORDER BY aggregate_type, aggregate_id, sequence, occurred_on DESC, event_id DESC",
        "tests/integration/datapath/test_apply_store.py::test_aggregates_take_only_what_is_newer",
    ),
    (
        "C6",
        "services/event_applier/apply.py",
        "except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):",
        "except psycopg.errors.SerializationFailure:",
        "tests/integration/datapath/test_apply_loop.py::test_a_real_deadlock_is_tried_again_on_the_same_connection",
    ),
    (
        "C7",
        "services/event_applier/inserting.py",
        "refused = refused_lines(connection, batch.lines)",
        "refused: set[int] = set()",
        "tests/integration/datapath/test_dead_letters.py::test_two_thousand_bad_rows_cost_a_few_transactions",
    ),
    (
        "C8",
        "lambdas/stream_bridge/strict_json.py",
        "if len(raw) > MAX_NUMBER_CHARACTERS or _may_be_bent(raw, orjson.dumps(event)):",
        "if False:",
        "tests/unit/stream_bridge/test_strict_json.py",
    ),
    (
        "C10",
        "services/event_applier/store.py",
        "keep(self._connection, letters, self._guard.epoch)",
        "pass",
        "tests/integration/datapath/test_dead_letters.py::test_a_dead_letter_is_part_of_the_transaction_that_passes_it",
    ),
    (
        "C2",
        "lambdas/failover/event_limits.py",
        "MAX_FRACTION_DIGITS = 6",
        "MAX_FRACTION_DIGITS = 9",
        "tests/unit/stream_bridge/test_validation.py::test_what_is_wrong_is_refused_with_its_reason",
    ),
    (
        "C3",
        "lambdas/failover/event_limits.py",
        "MAX_FUTURE = timedelta(minutes=5)",
        "MAX_FUTURE = timedelta(days=5)",
        "tests/unit/stream_bridge/test_validation.py::test_what_is_wrong_is_refused_with_its_reason",
    ),
    (
        "C5",
        "drill/order.py",
        "if one.sequence < highest and not one.late:",
        "if one.sequence < highest:",
        "tests/unit/drill/test_pure_parts.py::test_order_violations_are_the_unexplained_drops",
    ),
    (
        "C9",
        "services/event_applier/sequence_runs.py",
        "if joined and run.first - joined[-1].sequence <= MAX_SEQUENCE_JUMP:",
        "if joined:",
        "tests/unit/event_applier/test_sequence_runs.py",
    ),
    (
        "D1",
        "lambdas/failover/plan.py",
        "        15,\n        4,\n        2,\n        OnFailure.COMPENSATE,",
        "        15,\n        4,\n        2,\n        OnFailure.PAGE_AND_REPEAT,",
        "tests/unit/failover/test_plan.py::test_promotion_refused_nothing_cut",
    ),
    (
        "D2",
        "lambdas/failover_step/service_steps.py",
        "if posted.status != 202:",
        "if False:",
        "tests/unit/failover_step",
    ),
    (
        "D5",
        "lambdas/failover/decision.py",
        'return Decision(Action.RECOVER, Reason.DATABASE_BEHIND_LEASE, {"database_epoch": row.epoch})',
        "return _hold(Reason.WITNESS_UNREACHABLE)",
        "tests/unit/failover/test_decision.py::TestHolder::test_recovers_when_its_database_is_behind",
    ),
    (
        "D7",
        "lambdas/failover_step/authority_steps.py",
        'writer = host.partition(",")[0]',
        "writer = host",
        "tests/unit/failover_step/test_authority_steps.py::test_a_fence_tries_the_writer_alone",
    ),
    (
        "D8",
        "drill/traffic.py",
        "return answer.status in (200, 503) and",
        "return answer.status == 200 and",
        "tests/unit/drill/test_pure_parts.py::test_a_region_that_serves_no_reads_still_takes_events_but_not_without_ingest",
    ),
    (
        "D10",
        "lambdas/failover/plan.py",
        '        "secrets",\n        "await_stores",',
        '        "secrets",\n        "open_database",',
        "tests/unit/failover/test_plan.py",
    ),
    (
        "D9",
        "lambdas/failover/lease.py",
        "and loss_seconds <= self.approved_loss_seconds",
        "",
        "tests/unit/cli/test_authority.py::test_approve_names_the_next_epoch_and_the_loss",
    ),
    (
        "D11",
        "lambdas/failover/promotion.py",
        "if waited < BUDGET_SECONDS or status:",
        "if waited < BUDGET_SECONDS:",
        "tests/unit/failover_step/test_stuck_promotion.py::test_the_next_move",
    ),
    (
        "D12",
        "lambdas/failover_step/exercise.py",
        '    "secrets": secrets_step.look,\n',
        "",
        "tests/unit/failover_step/test_exercise.py::test_every_step_of_the_plan_is_exercised_or_says_why_not",
    ),
    (
        "E1",
        "drill/verdict.py",
        '"what_was_called_safe_is_in_the_other_log": found.not_in_the_log == 0,',
        "",
        "tests/unit/drill/test_verdict.py::test_what_was_called_safe_must_have_been",
    ),
    (
        "E2",
        "drill/verdict.py",
        "if not met.get(EFFECT, True)",
        "if False",
        "tests/unit/drill/test_verdict.py::test_a_fault_without_a_measured_effect_is_invalid",
    ),
    (
        "E3",
        "drill/evidence.py",
        "if all(met.get(name, False) for name in needed)",
        "",
        "tests/unit/drill/test_evidence.py::test_a_run_claims_only_what_it_did_and_found",
    ),
    (
        "E5",
        "simulator/scheduler.py",
        "self.random = random.Random(seed)",
        "self.random = random.Random()",
        "tests/unit/simulator/test_authority_world.py::test_one_seed_is_one_trace",
    ),
)

ARGUED = {
    "B14": "no code commits an offset: there is nothing to leave out",
    "B15": "it is about speed: a seek by another time reads more, and finds the same",
    "D3": "senders do it, who are not ours; those of the path world do",
    "D6": "only the drill's checker knows the five sets; the plan is not built",
    "E4": "it is this table",
}
"""Built rules without a killer, and why."""


class Unusable(Exception):
    """A row of the table does not fit the code, or its test cannot be run."""


def text_of(mutant: Mutant, root: Path = ROOT) -> str:
    """The file with the change. Raises Unusable when the text is not there exactly once."""
    before = (root / mutant.file).read_text()
    if before.count(mutant.text) != 1:
        raise Unusable(
            f"{mutant.rule}: {mutant.file} has {mutant.text!r} {before.count(mutant.text)} times; "
            "it must be there once"
        )
    return before.replace(mutant.text, mutant.instead)


@contextmanager
def copied(root: Path = ROOT) -> Iterator[Path]:
    """A copy of the repository in which mutants can be tried."""
    with TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for name in ("node_modules", ".venv"):
            if (root / name).exists():
                (copy / name).symlink_to((root / name).resolve())
        yield copy


def passes(test: str, copy: Path) -> bool:
    """Whether the test passes there. Raises Unusable when it was not run."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-m", "", test],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": f"{copy / 'constructs'}{os.pathsep}{copy}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode not in (0, TESTS_FAILED):
        raise Unusable(f"{test} was not run: {ran.stdout[-500:]}{ran.stderr[-500:]}")
    return ran.returncode == 0


def killed(mutant: Mutant, copy: Path) -> bool:
    """Whether the mutant's test fails with it. The copy is as before afterwards."""
    path = copy / mutant.file
    before, after = path.read_text(), text_of(mutant, copy)
    path.write_text(after)
    try:
        return not passes(mutant.test, copy)
    finally:
        path.write_text(before)


def survivors(chosen: Iterable[Mutant] = MUTANTS) -> Iterator[tuple[Mutant, str]]:
    """Each mutant, and what is wrong with it: empty when its test passes without and fails with it."""
    with copied() as copy:
        for mutant in chosen:
            if not passes(mutant.test, copy):
                yield mutant, "its test fails without the change, too"
            else:
                yield mutant, "" if killed(mutant, copy) else "GREEN"
