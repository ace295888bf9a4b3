"""Every alarm that is deployed is set off by its fault in a test, or stands here with why it cannot be.

An environment with a domain of its own has one more, `traffic-here`: Route 53 reads it, and it tells nobody
(tests/unit/constructs/application/test_api_domain.py).
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Assembly
from tests.integration.alarms import test_archive_alarms as archive
from tests.integration.alarms import test_authority_alarms as authority
from tests.integration.alarms import test_cache_alarms as caches
from tests.integration.alarms import test_lag_alarms as lags
from tests.integration.alarms import test_path_alarms as path
from tests.integration.alarms.aws_figures import (
    DIRECTORY,
    DOCUMENTED,
    NOT_CONFIRMED,
    AwsMetric,
)
from tests.integration.alarms.deployed import CODES, HOME, OURS, RECOVERY, SUFFIX, Deployed

pytestmark = pytest.mark.synth
FIRED = {
    *(name for broken in authority.FAULTS.values() for of in broken.fires.values() for name in of),
    *(name for names in lags.FAULTS.values() for name in names),
    *lags.FIRED_OVER_DAYS,
    *path.FIRED,
    *archive.FIRED,
    *caches.FIRED,
}
AWS_OWN = {
    "AWS/ApiGateway": {"api-errors", "api-latency"},
    "AWS/Kinesis": {"stream-silent", "stream-throttled", "stream-late"},
    "AWS/Lambda": {
        "bridge-behind", "keeper-silent", "keeper-failing", "probe-silent", "probe-failing",
        "lag-meter-silent", "lag-meter-failing", "failover-step-silent", "failover-step-failing",
    },
    "AWS/States": {"plan-failed"},
    "AWS/ECS": {"services-event-applier-cpu", "services-query-api-cpu"},
    "ECS/ContainerInsights": {
        "services-archiver", "services-event-applier", "services-query-api",
    },
    "AWS/Kafka": {"log-offline-partitions", "log-under-replicated", "log-cpu", "log-disk"},
    "AWS/RDS": {
        "database-service-lag", "database-cpu", "database-capacity", "database-connections",
    },
    "AWS/ElastiCache": {"cache-service-lag", "cache-cpu", "cache-memory"},
    "AWS/EFS": {"files-service-lag", "files-io"},
    "AWS/S3": {"archive-copy-failed", "archive-copy-late"},
    "AWS/Backup": {"backup-failed", "backup-overdue-database", "backup-overdue-files"},
}  # fmt: skip
"""They stand on AWS's own metrics alone, which no emulator tells: their names are checked below."""
COMPOSITE = {"region"}
"""It follows the others by its rule, and tells nobody."""
QUERY = re.compile(r'SELECT \w+\((\w+)\) FROM SCHEMA\("([^"]+)", ([^)]+)\)')


def metrics_of(said: Mapping[str, Any]) -> set[tuple[str, str, frozenset[str]]]:
    """Namespace, name and dimensions of each metric that an alarm looks at, queries included."""
    found = set()
    for one in [said, *said.get("Metrics", [])]:
        metric = one.get("MetricStat", {}).get("Metric", one)
        if "Namespace" in metric:
            names = frozenset(it["Name"] for it in metric.get("Dimensions", []))
            found.add((metric["Namespace"], metric["MetricName"], names))
        for name, namespace, columns in QUERY.findall(_text(one.get("Expression", ""))):
            names = frozenset(it.strip().strip('"') for it in columns.split(","))
            found.add((namespace, name, names))
    return found


def _text(expression: Any) -> str:
    """An expression with its references left out."""
    if isinstance(expression, str):
        return expression
    _, parts = expression["Fn::Join"]
    return "".join(part for part in parts if isinstance(part, str))


def test_every_alarm_is_set_off_or_listed_with_why_not(deployed: Deployed) -> None:
    apart = {name for names in AWS_OWN.values() for name in names}
    assert FIRED & apart == set()
    every = {name for region in CODES for name in deployed.alarms(region)}
    assert every == FIRED | apart | COMPOSITE


def test_a_production_environment_has_the_same_alarms(
    deployed: Deployed, assembly_of: Callable[[str], Assembly]
) -> None:
    production = Deployed(assembly_of("prod"))
    for region in CODES:
        assert set(production.alarms(region)) == set(deployed.alarms(region))


def test_an_alarm_that_is_listed_stands_on_the_metrics_of_its_service_alone(
    deployed: Deployed,
) -> None:
    for region in CODES:
        for name, said in deployed.alarms(region).items():
            for namespace, names in AWS_OWN.items():
                if name in names:
                    assert {one[0] for one in metrics_of(said)} == {namespace}, (name, region)


def test_each_metric_of_awss_is_documented_with_these_dimensions(deployed: Deployed) -> None:
    used = {
        one
        for region in CODES
        for said in deployed.alarms(region).values()
        for one in metrics_of(said)
        if not one[0].startswith(OURS)
    }
    assert used == {(one.namespace, one.name, one.dimensions) for one in DOCUMENTED}


def test_what_is_not_confirmed_is_exactly_this() -> None:
    """A page that this list shortens is welcome; one that lengthens it has not been read."""
    assert {one.name for one in DOCUMENTED if one.source.startswith(NOT_CONFIRMED)} == {
        "DatabaseMemoryUsageCountedForEvictPercentage", "GlobalDatastoreReplicationLag",
        "NumberOfBackupJobsFailed",
    }  # fmt: skip


FOLDERS = {"States": "stepfunctions"}


@cache
def directory(service: str) -> set[tuple[str, frozenset[str]]]:
    """Metric and dimensions, lower case, of a service as aws-cdk-lib has them."""
    found = find_spec("aws_cdk")
    assert found is not None
    assert found.origin is not None
    (library,) = (Path(found.origin).parent / "_jsii").glob("aws-cdk-lib@*.jsii.tgz")
    name = f"package/aws-{service}/lib/{service}-canned-metrics.generated.d.ts"
    with tarfile.open(library) as packed:
        file = packed.extractfile(name)
        assert file is not None
        text = file.read().decode()
    return {
        (name.lower(), frozenset(re.findall(r"(\w+): string", dimensions)))
        for name, dimensions in re.findall(
            r"static (\w+)\(this: void, dimensions: \{([^}]*)\}", text
        )
    }


@pytest.mark.parametrize(
    "metric",
    [one for one in DOCUMENTED if one.source == DIRECTORY],
    ids=lambda one: f"{one.namespace} {one.name}",
)
def test_awss_directory_has_the_metric(metric: AwsMetric) -> None:
    """Its functions are named by metric and usual statistic: `incomingRecordsSum`."""
    service = metric.namespace.removeprefix("AWS/")
    known = directory(FOLDERS.get(service, service.lower()))
    name = metric.name.replace(".", "").lower()
    found = {dimensions for full, dimensions in known if full.strip("_").startswith(name)}
    assert metric.dimensions in found


def test_the_composite_of_a_region_stands_for_everything_that_pages_there(
    deployed: Deployed, assembly_of: Callable[[str], Assembly]
) -> None:
    """`bridge-behind`, which another stack makes, was left out: the region looked well while it paged."""
    for environment in (deployed, Deployed(assembly_of("prod"))):
        for region in (HOME, RECOVERY):
            alarms = environment.alarms(region)
            (rule,) = [one["AlarmRule"] for one in alarms.values() if "AlarmRule" in one]
            paging = {
                f"{name}-{SUFFIX}"
                for name, said in alarms.items()
                if str(said["AlarmDescription"]).startswith("CRITICAL: ")
            }
            assert set(re.findall(r'ALARM\("([^"]+)"\)', rule)) == paging
            assert rule == " OR ".join(re.findall(r'ALARM\("[^"]+"\)', rule))
