"""The bridge: a mapping that never discards, and a page before the stream forgets."""

from __future__ import annotations

from aws_cdk import aws_sns as sns

from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.replicated_log import ReplicatedLog
from lifeline.streaming.stream_bridge import StreamBridge
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def _bridge(made: StackUnderTest, *, hours: int) -> StreamBridge:
    network = made.network()
    ClosedDefaultGroup(made.stack, "Closed", site=made.site, vpc=network.vpc, keys=made.keys)
    return StreamBridge(
        made.stack,
        "Bridge",
        site=made.site,
        vpc=network.vpc,
        stream=EdgeStream(
            made.stack, "Edge", site=made.site, keys=made.keys, retention_hours=hours
        ),
        log=ReplicatedLog(made.stack, "Log", site=made.site, vpc=network.vpc, keys=made.keys),
        keys=made.keys,
        page_topic=sns.Topic.from_topic_arn(made.stack, "Page", made.site.arn("sns", "page-test")),
    )


def test_it_pages_at_a_quarter_of_this_streams_retention(make_stack: MakeStack) -> None:
    made = make_stack()
    _bridge(made, hours=48)
    (alarm,) = made.resources("AWS::CloudWatch::Alarm")
    assert alarm["Properties"]["Threshold"] == 12 * 3_600_000
    assert alarm["Properties"]["TreatMissingData"] == "breaching"


def test_it_reads_the_stream_and_writes_marked_topics_only(make_stack: MakeStack) -> None:
    made = make_stack()
    _bridge(made, hours=72)
    template = made.template()
    (policy,) = [
        {
            one["Sid"]: one
            for one in found["Properties"]["PolicyDocument"]["Statement"]
            if "Sid" in one
        }
        for name, found in template.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("BridgePolicy")
    ]
    assert policy["ReadTheStream"]["Resource"].endswith("stream/edge-events-test")
    assert "system.watermark" not in str(policy["WriteTopics"]["Resource"])


def test_nothing_is_left_to_find(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    _bridge(made, hours=72)
    made.template()
