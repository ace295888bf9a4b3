"""The archive: one delivery stream a marked topic, from the beginning, for seven years."""

from __future__ import annotations

import pytest

from lifeline.foundation.bucket import BucketEmptying
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.streaming.replicated_log import ReplicatedLog
from lifeline.streaming.topic_archive import TopicArchive
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def _archive(made: StackUnderTest) -> TopicArchive:
    network = made.network()
    ClosedDefaultGroup(made.stack, "Closed", site=made.site, vpc=network.vpc, keys=made.keys)
    return TopicArchive(
        made.stack,
        "Archive",
        site=made.site,
        log=ReplicatedLog(made.stack, "Log", site=made.site, vpc=network.vpc, keys=made.keys),
        keys=made.keys,
        emptying=BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys),
    )


def test_each_marked_topic_is_read_privately_from_its_beginning(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    archive = _archive(made)
    template = made.template()
    streams = template.find_resources("AWS::KinesisFirehose::DeliveryStream")
    assert len(streams) == len(archive.stream_names) == 4
    (links,) = template.find_resources("AWS::MSK::ClusterPolicy")
    for one in streams.values():
        source = one["Properties"]["MSKSourceConfiguration"]
        assert source["AuthenticationConfiguration"]["Connectivity"] == "PRIVATE"
        assert source["ReadFromTimestamp"] == "1970-01-01T00:00:00Z"
        target = one["Properties"]["ExtendedS3DestinationConfiguration"]
        assert target["Prefix"].startswith(f"topics/{source['TopicName']}/!{{timestamp:")
        assert "!{firehose:error-output-type}" in target["ErrorOutputPrefix"]
        assert target["CompressionFormat"] == "GZIP"
        assert links in one["DependsOn"]
        assert one["DeletionPolicy"] == one["UpdateReplacePolicy"] == "Delete"
        assert len(one["Properties"]["DeliveryStreamName"]) <= 64


def test_objects_grow_cold_and_go_after_seven_years(make_stack: MakeStack) -> None:
    made = make_stack(profile="staging")
    _archive(made)
    (bucket,) = made.resources("AWS::S3::Bucket")
    assert bucket["Properties"]["BucketName"] == "archive-cac1-123456789012-test"
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [one["StorageClass"] for one in rule["Transitions"]] == [
        "STANDARD_IA",
        "GLACIER_IR",
        "DEEP_ARCHIVE",
    ]
    assert rule["ExpirationInDays"] >= 7 * 365


@pytest.mark.parametrize(
    ("region", "profile", "made"),
    [
        ("ca-central-1", "dev", False),
        ("ca-central-1", "prod", True),
        ("ca-west-1", "prod", False),
    ],
)
def test_where_it_is_made(make_stack: MakeStack, region: str, profile: str, made: bool) -> None:
    assert TopicArchive.is_made(make_stack(region, profile).site) is made


def test_brokers_without_private_links_are_refused(make_stack: MakeStack) -> None:
    with pytest.raises(ValueError, match="Firehose cannot reach brokers of class kafka"):
        _archive(make_stack(profile="dev"))


def test_freshness_is_of_the_topics_own_stream(make_stack: MakeStack) -> None:
    archive = _archive(make_stack(profile="staging"))
    metric = archive.metric_freshness("clinical.patient.events")
    assert metric.dimensions == {"DeliveryStreamName": "archive-clinical-patient-events-test"}


def test_nothing_is_left_to_find(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, profile="staging")
    _archive(made)
    made.template()
