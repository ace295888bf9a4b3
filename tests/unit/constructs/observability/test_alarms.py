"""Alarms: each says operator, threshold, missing data, severity and runbook; silence is never health."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from lifeline.failover.minute_loop import LOOP_TIMEOUT_SECONDS
from lifeline.failover.step_schedule import CALL_MINUTES
from lifeline.foundation.alert_topics import Severity
from lifeline.lambdas.contracts.archiver import Archive
from lifeline.observability.alarms import Alarms, AlarmSpec, Evaluation, Operator
from lifeline.observability.failover_alarms import LOOPS, TWO_MINUTES, witness_alarms
from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.metric_specs import MathSpec, MetricSpec, metric_spec
from lifeline.observability.region_alarms import region_alarms
from lifeline.strategy import Strategy
from lifeline.tiers import RecoveryTier
from simulator.alarms import PERIOD_SECONDS, RULES, Rule
from tests.unit.constructs.conftest import MakeStack, StackUnderTest
from tests.unit.constructs.observability.observed import metrics_of

ROOT = Path(__file__).parents[4]
LAG = "replication-lag-"
METRIC = MetricSpec(namespace="Test", metric_name="Figure", dimensions={"Name": "it"})


def spec(**changes: Any) -> AlarmSpec:
    given: dict[str, Any] = {
        "name": "some-thing",
        "description": "Something is wrong.",
        "metric": METRIC,
        "operator": Operator.ABOVE,
        "threshold": 5,
        "severity": Severity.CRITICAL,
        "runbook": "log-trouble",
    }
    return AlarmSpec(**given | changes)


def all_specs(made: StackUnderTest) -> list[AlarmSpec]:
    path, stores = metrics_of(made.stack, made.site)
    return region_alarms(made.site, path=path, stores=stores)


def test_a_spec_becomes_an_alarm_that_pages_in_its_own_region(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    Alarms(made.stack, "Alarms", site=made.site, specs=[spec()])
    (alarm,) = made.resources("AWS::CloudWatch::Alarm")
    assert alarm["Properties"] | {"Tags": None} == {
        "ActionsEnabled": True,
        "AlarmActions": ["arn:aws:sns:ca-west-1:123456789012:page-test"],
        "AlarmDescription": "CRITICAL: Something is wrong. It fires without data, too. "
        "Type next: lifeline status --suffix test. Runbook: docs/runbooks/log-trouble.md",
        "AlarmName": "some-thing-test",
        "ComparisonOperator": "GreaterThanThreshold",
        "DatapointsToAlarm": 3,
        "Dimensions": [{"Name": "Name", "Value": "it"}],
        "EvaluationPeriods": 3,
        "MetricName": "Figure",
        "Namespace": "Test",
        "Period": 60,
        "Statistic": "Maximum",
        "Threshold": 5,
        "TreatMissingData": "breaching",
        "Tags": None,
    }


def test_math_and_percentiles_are_written_as_cloudwatch_takes_them(make_stack: MakeStack) -> None:
    made = make_stack()
    share = MathSpec(expression="100 * bad / all", using_metrics={"bad": METRIC, "all": METRIC})
    p95 = MetricSpec(namespace="Test", metric_name="Latency", statistic="p95")
    given = [spec(name="share", metric=share), spec(name="slow", metric=p95)]
    Alarms(made.stack, "Alarms", site=made.site, specs=given)
    found = {
        one["Properties"]["AlarmName"]: one["Properties"]
        for one in made.resources("AWS::CloudWatch::Alarm")
    }
    metrics = found["share-test"]["Metrics"]
    assert [one["Id"] for one in metrics if not one["ReturnData"]] == ["bad", "all"]
    assert metrics[-1] == {"Id": "result", "Expression": "100 * bad / all", "ReturnData": True}
    assert "Statistic" not in found["share-test"]
    assert found["slow-test"]["ExtendedStatistic"] == "p95"
    assert "Statistic" not in found["slow-test"]


def test_lag_heartbeats_and_what_is_at_risk_fire_on_silence(make_stack: MakeStack) -> None:
    given = all_specs(make_stack())
    lag = [one for one in given if one.name.startswith(LAG)]
    assert {one.name.removeprefix(LAG) for one in lag} == {
        "log",
        "log-warning",
        "database",
        "database-warning",
        "cache",
        "files",
        "secrets",
    }
    beats = [
        one
        for one in given
        if one.name.endswith("-silent")
        or one.name.startswith("backup-overdue-")
        or one.name in ("events-at-risk", "drill-overdue", "stream-late")
    ]
    assert len(beats) == 10
    assert {one.treat_missing_data for one in [*lag, *beats]} == {"breaching"}


def test_the_critical_lag_is_the_setting_and_the_warning_half_of_it(make_stack: MakeStack) -> None:
    limits = {one.name: one for one in all_specs(make_stack(lag_alarm_seconds=40))}
    assert limits["replication-lag-log"].threshold == 40
    assert limits["replication-lag-log"].severity is Severity.CRITICAL
    assert limits["replication-lag-log-warning"].threshold == 20
    assert limits["replication-lag-log-warning"].severity is Severity.WARNING
    assert limits["database-service-lag"].threshold == 40_000
    assert limits["events-at-risk"].threshold == round(200_000 / 60 * 40)


def test_the_numbers_of_the_design(make_stack: MakeStack) -> None:
    limits = {one.name: one.threshold for one in all_specs(make_stack())}
    wanted = {
        "replication-lag-log-warning": 15,
        "replication-lag-log": 30,
        "apply-behind-warning": 1_000,
        "apply-behind-critical": 10_000,
        "log-offline-partitions": 0,
        "log-under-replicated": 0,
        "apply-failures": 1,
        "schema-failures": 0.1,
        "events-unexpected": 0,
        "sequences-withheld": 0,
        "events-without-vital-signs": 0,
        "log-cpu": 70,
        "api-latency": 200,
        "drill-overdue": 90,
        "authority-expiring": 180,
        "authority-expires-soon": 60,
    }
    assert {name: limits[name] for name in wanted} == wanted


def test_the_authoritys_end_is_a_notice_first_and_pages_at_last(make_stack: MakeStack) -> None:
    """N17: 180 and 60 days ahead; no figure fires as well."""
    found = {one.name: one for one in all_specs(make_stack())}
    notice, page = found["authority-expiring"], found["authority-expires-soon"]
    assert (notice.severity, page.severity) == (Severity.WARNING, Severity.CRITICAL)
    for one in (notice, page):
        assert one.operator is Operator.BELOW
        assert one.treat_missing_data == "breaching"


def test_what_is_fine_without_data_says_what_notices_silence(make_stack: MakeStack) -> None:
    given = all_specs(make_stack())
    names = {one.name for one in given}
    fine = [one for one in given if one.not_breaching_because]
    assert {one.name for one in fine if one.role_dependent} == {
        "database-service-lag",
        "cache-service-lag",
        "files-service-lag",
        "archive-copy-late",
    }
    for one in fine:
        if one.name in ("api-latency", "api-errors"):
            continue  # the probes of other regions notice, not an alarm
        assert any(name in str(one.not_breaching_because) for name in names), one.name


def test_every_spec_has_its_runbook_and_fits_its_service(make_stack: MakeStack) -> None:
    given = all_specs(make_stack(environment_suffix="a2345678901z"))
    for one in given:
        assert (ROOT / "docs" / "runbooks" / f"{one.runbook}.md").is_file(), one.runbook
        assert len(one.description_for("a2345678901z")) <= 1_024
        seconds = one.evaluation.evaluation_periods * one.evaluation.period_seconds
        assert seconds <= 86_400 or one.evaluation.period_seconds >= 3_600


def test_both_regions_have_the_same_alarms(make_stack: MakeStack) -> None:
    home, recovery = all_specs(make_stack()), all_specs(make_stack("ca-west-1"))
    assert [one.name for one in home] == [one.name for one in recovery]
    assert [one.description_for("x") for one in home] == [
        one.description_for("x") for one in recovery
    ]


def test_a_query_has_no_series_and_says_its_period(make_stack: MakeStack) -> None:
    made = make_stack()
    query = MathSpec(expression='SELECT MAX(TimeSinceLastSync) FROM "AWS/EFS"')
    Alarms(made.stack, "Alarms", site=made.site, specs=[spec(metric=query)])
    (alarm,) = made.resources("AWS::CloudWatch::Alarm")
    (only,) = alarm["Properties"]["Metrics"]
    assert only == {
        "Id": "result",
        "Expression": query.expression,
        "Period": 60,
        "ReturnData": True,
    }


def test_a_query_within_math_keeps_its_id(make_stack: MakeStack) -> None:
    """As the log's CPU is: a hundred less what the least idle broker has."""
    made = make_stack()
    query = cloudwatch.MathExpression(
        expression='SELECT MIN(CpuIdle) FROM "AWS/Kafka"', using_metrics={}
    )
    busy = metric_spec(
        cloudwatch.MathExpression(expression="100 - idle", using_metrics={"idle": query})
    )
    Alarms(made.stack, "Alarms", site=made.site, specs=[spec(metric=busy)])
    (alarm,) = made.resources("AWS::CloudWatch::Alarm")
    inner, outer = alarm["Properties"]["Metrics"]
    assert inner["Id"] == "idle"
    assert inner["Period"] == 60
    assert inner["ReturnData"] is False
    assert outer == {"Id": "result", "Expression": "100 - idle", "ReturnData": True}


def test_log_lines_are_counted_for_this_environment_alone(make_stack: MakeStack) -> None:
    made = make_stack()
    lines = LogLineMetrics(made.stack, "Lines", site=made.site)
    filters = {
        one["Properties"]["FilterName"]: one["Properties"]
        for one in made.resources("AWS::Logs::MetricFilter")
    }
    services, bridge = "/lifeline/services-test", "/aws/lambda/stream-bridge-test"
    counted = {
        "quarantined": (services, lines.quarantined, "$.records"),
        "rejected": (bridge, lines.rejected, "1"),
        "defects": (bridge, lines.defects, "$.records"),
        "schemafailures": (bridge, lines.schema_failures, "$.unfit"),
        "bridgestopped": (bridge, lines.bridge_stopped, "1"),
        "applystopped": (services, lines.apply_stopped, "1"),
        "recordsgone": (services, lines.records_gone, "1"),
        "watermarkrebased": (services, lines.watermark_rebased, "1"),
        "unexpected": (services, lines.unexpected, "$.records"),
        "withheld": (services, lines.withheld, "$.records"),
        "plain": (services, lines.without_vital_signs, "$.records"),
    }
    assert set(filters) == {f"{name}-test" for name in counted}
    for name, (group, metric, value) in counted.items():
        written = filters[f"{name}-test"]
        words = {
            "schemafailures": "rejected",
            "bridgestopped": "stopped",
            "applystopped": "stopped",
            "recordsgone": "records are gone that were not applied",
            "plain": "without vital signs",
            "watermarkrebased": "the watermark has a new base",
        }
        word = words.get(name, name)
        assert written["FilterPattern"] == f'{{ $.message = "{word}" }}'
        assert written["LogGroupName"] == group
        (transformation,) = written["MetricTransformations"]
        assert transformation["MetricNamespace"] == metric.namespace == "Lifeline/test"
        assert transformation["MetricName"] == metric.metric_name
        assert transformation["MetricValue"] == value


def test_one_defect_of_the_bridge_pages(make_stack: MakeStack) -> None:
    """B23: a valid event may lie in error.dlq by our fault, and is applied by nobody."""
    made = make_stack()
    path, stores = metrics_of(made.stack, made.site)
    Alarms(
        made.stack,
        "Alarms",
        site=made.site,
        specs=region_alarms(made.site, path=path, stores=stores),
    )
    (alarm,) = [
        one["Properties"]
        for one in made.resources("AWS::CloudWatch::Alarm")
        if one["Properties"]["AlarmName"] == "bridge-defects-test"
    ]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Lifeline/test", "DefectRecords")
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "Sum",
        "GreaterThanThreshold",
        0,
    )
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (1, 1)
    assert alarm["AlarmDescription"].startswith("CRITICAL: ")
    assert alarm["AlarmDescription"].endswith("docs/runbooks/dead-letters.md")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("services/event_applier/apply.py", 'say("quarantined", records='),
        ("services/event_applier/apply.py", 'say("unexpected", records='),
        ("services/event_applier/apply.py", 'say("withheld", records='),
        ("services/event_applier/apply.py", 'say("without vital signs", records='),
        ("services/event_applier/apply.py", 'say("stopped", '),
        ("services/event_applier/log_reader.py", 'say("records are gone that were not applied", '),
        ("services/query_api/reader_checkpoint.py", 'say("the watermark has a new base", '),
        ("lambdas/stream_bridge/handler.py", 'logger.error("stopped"'),
        ("lambdas/stream_bridge/handler.py", 'logger.warning("rejected"'),
        ("lambdas/stream_bridge/handler.py", 'logger.error("defects"'),
    ],
)
def test_the_lines_that_are_counted_are_said(file: str, said: str) -> None:
    assert said in (ROOT / file).read_text()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"datapoints_to_alarm": 4, "evaluation_periods": 3},
            "4 datapoints of 3 periods cannot alarm",
        ),
        ({"period_seconds": 90}, "Bad period 90 s"),
        ({"period_seconds": 172_800}, "Bad period 172800 s"),
    ],
)
def test_an_evaluation_that_cannot_be_is_refused(changes: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Evaluation(**changes)


def test_twins_and_bad_ids_are_refused(make_stack: MakeStack) -> None:
    made = make_stack()
    with pytest.raises(ValueError, match="Two alarms have the name some-thing"):
        Alarms(made.stack, "Alarms", site=made.site, specs=[spec(), spec()])
    with pytest.raises(ValueError, match="Bad ids none"):
        MathSpec(expression="a + b")
    with pytest.raises(ValueError, match="Bad ids"):
        MathSpec(expression="A + B", using_metrics={"A": METRIC})


def test_math_over_math_becomes_one_expression() -> None:
    brokers = {
        f"broker{number}": cloudwatch.Metric(
            namespace="T", metric_name="CpuIdle", dimensions_map={"Broker ID": str(number)}
        )
        for number in (1, 2)
    }
    least = cloudwatch.MathExpression(
        expression="MIN([broker1, broker2])", using_metrics=dict(brokers)
    )
    found = metric_spec(
        cloudwatch.MathExpression(expression="100 - idle", using_metrics={"idle": least})
    )
    assert isinstance(found, MathSpec)
    assert found.expression == "100 - (MIN([broker1, broker2]))"
    assert found.using_metrics == {
        f"broker{number}": MetricSpec(
            namespace="T",
            metric_name="CpuIdle",
            dimensions={"Broker ID": number},
            statistic="Average",
        )
        for number in ("1", "2")
    }


def test_one_composite_stands_for_the_critical_alarms_of_the_region(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    given = [spec(), spec(name="other"), spec(name="minor", severity=Severity.WARNING)]
    Alarms(made.stack, "Alarms", site=made.site, specs=given, composite="region")
    (one,) = made.resources("AWS::CloudWatch::CompositeAlarm")
    assert one["Properties"]["AlarmName"] == "region-test"
    assert one["Properties"]["AlarmRule"] == 'ALARM("some-thing-test") OR ALARM("other-test")'
    assert "AlarmActions" not in one["Properties"], "each critical alarm pages by itself"
    assert len(one["DependsOn"]) == 2


def test_a_critical_alarm_that_another_construct_makes_counts_and_is_listed(
    make_stack: MakeStack,
) -> None:
    made = make_stack()
    alarms = Alarms(
        made.stack, "Alarms", site=made.site, specs=[spec()], composite="region",
        critical_elsewhere=["elsewhere"],
    )  # fmt: skip
    (one,) = made.resources("AWS::CloudWatch::CompositeAlarm")
    assert one["Properties"]["AlarmRule"] == 'ALARM("some-thing-test") OR ALARM("elsewhere-test")'
    ending = "alarm:elsewhere-test"
    assert [arn.endswith(ending) for arn in alarms.arns(Severity.CRITICAL)] == [False, True]
    assert not any(arn.endswith(ending) for arn in alarms.arns(Severity.WARNING))
    with pytest.raises(ValueError, match="Two alarms have the name some-thing"):
        Alarms(
            made.stack, "Twice", site=made.site, specs=[spec()], critical_elsewhere=["some-thing"]
        )


def test_readiness_pages_when_it_is_zero_or_not_told(make_stack: MakeStack) -> None:
    """R4, A19: automatic failover cannot be off in silence."""
    made = make_stack()
    (ready,) = [one for one in all_specs(made) if one.name == "takeover-not-ready"]
    witness = witness_alarms(made.site)[0]
    assert witness.name == ready.name
    for one in (ready, witness):
        assert (one.severity, one.treat_missing_data) == (Severity.CRITICAL, "breaching")
        assert (one.operator, one.threshold) == (Operator.BELOW, 1)
        assert isinstance(one.metric, MetricSpec)
        assert one.metric.dimensions == {"Suffix": "test"}


def test_nobody_serves_pages_in_three_places_and_never_for_silence(make_stack: MakeStack) -> None:
    """A22: two minutes without a region that serves; who has no opinion says nothing."""
    made = make_stack()
    (region,) = [one for one in all_specs(made) if one.name == "nobody-serves"]
    witness = witness_alarms(made.site)[1]
    assert witness.name == region.name
    for one in (region, witness):
        assert (one.severity, one.treat_missing_data) == (Severity.CRITICAL, "notBreaching")
        assert (one.operator, one.threshold, one.evaluation) == (Operator.BELOW, 1, TWO_MINUTES)
        assert isinstance(one.metric, MetricSpec)
        assert one.metric.dimensions == {"Suffix": "test"}


def test_the_simulator_judges_the_deployed_alarms(make_stack: MakeStack) -> None:
    """The witness has exactly those that tell of authority; what the simulator calls told, is."""
    deployed = set()
    for one in witness_alarms(make_stack().site):
        assert isinstance(one.metric, MetricSpec)
        assert (one.operator, one.threshold) == (Operator.BELOW, 1)
        assert (one.metric.statistic, one.evaluation.period_seconds) == ("Maximum", PERIOD_SECONDS)
        assert one.evaluation.datapoints_to_alarm == one.evaluation.evaluation_periods
        silence = one.treat_missing_data == "breaching"
        periods = one.evaluation.evaluation_periods
        deployed.add(Rule(one.name, one.metric.metric_name, periods, silence))
    assert deployed == set(RULES)


def test_the_packs_find_nothing(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    Alarms(made.stack, "Alarms", site=made.site, specs=all_specs(made))
    made.template()


def test_a_loop_is_silent_only_after_its_longest_run_could_have_been_counted(
    make_stack: MakeStack,
) -> None:
    """A run counts when it has ended, in the minute in which it began: three or four are always empty."""
    silent = [one for one in all_specs(make_stack()) if one.name.endswith("-silent")]
    loops = [
        one
        for one in silent
        if one.runbook == "keeper-or-probe" and one.name != "failover-step-silent"
    ]
    assert {one.name.removesuffix("-silent") for one in loops} == set(LOOPS)
    for one in loops:
        assert one.evaluation.datapoints_to_alarm == one.evaluation.evaluation_periods == 8
        assert 60 * one.evaluation.datapoints_to_alarm > 2 * LOOP_TIMEOUT_SECONDS
        assert "was seen for eight minutes." in one.description


def test_the_exercise_of_the_steps_is_alarmed_when_it_fails_and_when_it_is_missing(
    make_stack: MakeStack,
) -> None:
    """D12: three exercises in a row, so that a failover's own retries do not ring."""
    specs = {one.name: one for one in all_specs(make_stack())}
    silent, failing = specs["failover-step-silent"], specs["failover-step-failing"]
    for one in (silent, failing):
        assert one.evaluation.period_seconds == CALL_MINUTES * 60
        assert one.evaluation.datapoints_to_alarm == one.evaluation.evaluation_periods == 3
        assert one.severity is Severity.CRITICAL
        assert one.runbook == "keeper-or-probe"
    assert silent.not_breaching_because is None
    assert (
        failing.not_breaching_because == "failover-step-silent fires when it is not started at all."
    )


def test_nothing_claims_that_the_lag_of_files_writes_files(make_stack: MakeStack) -> None:
    said = {one.name: one.description_for("test") for one in all_specs(make_stack())}
    assert "its replication is replication-lag-files' matter" in said["files-io"]
    assert "replication-lag-files asks the service in both regions" in said["files-service-lag"]
    assert "end to end" in said["database-service-lag"]


def test_a_missing_backup_of_the_database_is_no_matter_of_the_files(make_stack: MakeStack) -> None:
    """S8: each store's own count, over twice the time between its own copies and an hour."""
    found = {
        one.name: one for one in all_specs(make_stack()) if one.name.startswith("backup-overdue")
    }
    assert {name: one.evaluation.evaluation_periods for name, one in found.items()} == {
        "backup-overdue-database": 49,
        "backup-overdue-files": 3,
    }
    database, files = found.values()
    assert database.metric != files.metric


def test_one_copy_that_failed_is_told(make_stack: MakeStack) -> None:
    """S3 tells of it in one minute and does not try again, and the next object comes minutes later."""
    (found,) = (one for one in all_specs(make_stack()) if one.name == "archive-copy-failed")
    written_each = Archive.__dataclass_fields__["archive_roll_seconds"].default
    assert (found.evaluation.datapoints_to_alarm, found.evaluation.evaluation_periods) == (1, 1)
    assert found.evaluation.period_seconds > cast(float, written_each)


def test_without_a_standby_no_alarm_waits_for_a_copy_a_probe_or_a_drill(
    make_stack: MakeStack,
) -> None:
    """ADR 23: their metrics are never published, and silence would page for ever."""
    alone = make_stack(
        strategy=Strategy.BACKUP_ONLY, witness_region=None, tier=RecoveryTier.DEFERRABLE
    )
    kept = all_specs(alone)
    names = {one.name for one in kept}
    left = {one.name for one in all_specs(make_stack())} - names
    assert left == {
        *(f"replication-lag-{one}" for one in ("log", "database", "cache", "files", "secrets")),
        *("replication-lag-log-warning", "replication-lag-database-warning"),
        *("database-service-lag", "cache-service-lag", "files-service-lag", "archive-copy-late"),
        *("probe-silent", "probe-failing", "events-at-risk", "drill-overdue", "log-hole"),
        "log-partition-still",
    }
    assert {
        "backup-overdue-database",
        "nobody-serves",
        "keeper-silent",
        "lag-meter-silent",
    } <= names
    for one in kept:
        if one.severity is Severity.CRITICAL:
            told = one.description_for("test", has_standby=False)
            assert "lifeline status --suffix test --recovery none --witness none." in told
    told = " ".join(one.description for one in kept)
    assert "takes over: the other region" not in told
