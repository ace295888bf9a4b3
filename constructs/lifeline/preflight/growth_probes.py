"""Probes of what stands: a change of size that AWS refuses, or that rule B9 forbids, and the way to grow;
and of where the lease is, which no deploy may move (A10, A21)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lifeline.capacity import OBSERVATIONS
from lifeline.growth import (
    partitions_move,
    shard_steps,
    shards_less_than_halve,
    shards_more_than_double,
    volume_shrinks,
)
from lifeline.preflight.assembly import Resource
from lifeline.preflight.probe import (
    IN_REGION,
    Answers,
    Ask,
    Finding,
    Parameters,
    Place,
    Probe,
)

STREAM, TOPIC, CLUSTER = "AWS::Kinesis::Stream", "AWS::MSK::Topic", "AWS::MSK::Cluster"
PLAN, FUNCTION = "AWS::StepFunctions::StateMachine", "AWS::Lambda::Function"
WHERE_THE_LEASE_IS = ("PEER_REGION", "WITNESS_REGION")
"""What keeper and plan are told of it: with another word they look for the lease elsewhere."""
HOW_TO_GROW = "docs/runbooks/stream-trouble.md, How to grow"


def _streams(place: Place, _answers: Answers) -> Parameters:
    return [{"StreamName": name} for one in place.wanted(STREAM) if (name := one.text("Name"))]


def _shards(place: Place, answers: Answers) -> list[Finding]:
    wanted = {one.text("Name"): int(one.number("ShardCount", 1)) for one in place.wanted(STREAM)}
    found = []
    for answer in answers.of("describe_stream_summary"):
        if answer.body is None:
            continue
        name = str(answer.parameters["StreamName"])
        there, now = int(answer.body["StreamDescriptionSummary"]["OpenShardCount"]), wanted[name]
        if shards_more_than_double(there, now) or shards_less_than_halve(there, now):
            steps = shard_steps(there, now)[:-1]
            found.append(
                Finding(
                    f"the stream {name} in {place.region} has {there} shards and the templates want {now}: "
                    "one change at most doubles or halves them",
                    "\n".join(_update(place.region, name, count) for count in steps),
                )
            )
    return found


def _update(region: str, name: str, count: int) -> str:
    return (
        f"aws kinesis update-shard-count --region {region} --stream-name {name} "
        f"--target-shard-count {count} --scaling-type UNIFORM_SCALING     # wait for ACTIVE"
    )


def _templates_with(*types: str) -> Any:
    """The stacks that hold one of these types, each asked for the template that was deployed last."""

    def parameters(place: Place, _answers: Answers) -> Parameters:
        named = {one.stack for one in place.wanted(*types)}
        return [
            {"StackName": stack.name, IN_REGION: stack.region}
            for stack in place.stacks
            if stack.name in named
        ]

    return Ask(
        "cloudformation",
        "get_template",
        "cloudformation:GetTemplate",
        parameters,
        absent=frozenset({"ValidationError"}),
    )


def _changed(
    place: Place, answers: Answers, kind: str
) -> Iterator[tuple[Mapping[str, Any], Resource]]:
    """Each resource of a type that stands, with its properties as they were deployed."""
    for answer in answers.of("get_template"):
        if answer.body is None:
            continue
        body = answer.body["TemplateBody"]
        deployed = (json.loads(body) if isinstance(body, str) else body)["Resources"]
        for one in place.wanted(kind):
            before = deployed.get(one.logical_id, {})
            if one.stack == answer.parameters["StackName"] and before.get("Type") == kind:
                yield before["Properties"], one


def _partitions(place: Place, answers: Answers) -> list[Finding]:
    found = []
    for before, one in _changed(place, answers, TOPIC):
        there, now = int(before["PartitionCount"]), int(one.number("PartitionCount"))
        if not partitions_move(there, now):
            continue
        topic = one.text("TopicName")
        keep = f"keep them: -c observationPartitions={there}     # {HOW_TO_GROW}"
        smaller = f"keep peakEventsPerMinute as it was deployed     # {HOW_TO_GROW}"
        found.append(
            Finding(
                f"the topic {topic} in {place.region} has {there} partitions and the templates want "
                f"{now}: the number is fixed (B9)",
                keep if topic == OBSERVATIONS else smaller,
            )
        )
    return found


def _gib(cluster: Mapping[str, Any]) -> int:
    return int(
        cluster["BrokerNodeGroupInfo"]["StorageInfo"]["EBSStorageInfo"]["VolumeSize"],
    )


def _standing_volumes(answers: Answers) -> dict[str, int]:
    """GiB of each cluster's volumes, by the cluster's name: they have grown by themselves perhaps."""
    return {
        str(one["ClusterName"]): int(
            one["Provisioned"]["BrokerNodeGroupInfo"]
            .get("StorageInfo", {})
            .get("EbsStorageInfo", {})
            .get("VolumeSize", 0)
        )
        for one in answers.items("list_clusters_v2", "ClusterInfoList")
        if "Provisioned" in one
    }


def _volumes(place: Place, answers: Answers) -> list[Finding]:
    standing = _standing_volumes(answers)
    found = []
    for before, one in _changed(place, answers, CLUSTER):
        deployed, now = _gib(before), _gib(one.properties)
        name = one.text("ClusterName")
        there = max(deployed, standing.get(name, 0))
        # CloudFormation compares templates: a number that stays the same changes no volume that grew.
        if now != deployed and volume_shrinks(there, now):
            found.append(
                Finding(
                    f"the brokers of {name} in {place.region} have volumes of {there} GiB and the templates "
                    f"want {now}: a volume never shrinks",
                    f"keep eventsPerMinute as it was deployed, or raise it to need {there} GiB or more",
                )
            )
    return found


def _lease(place: Place, answers: Answers) -> list[Finding]:
    return [
        Finding(
            f"{one.text('FunctionName')} in {place.region} was deployed with {name} {there} and the "
            f"templates say {now}: it would look for the lease elsewhere, and who serves would stop",
            "deploy with the strategy and the witnessRegion that stand, or make a new environment under "
            "another suffix (docs/mechanisms/strategies.md)",
        )
        for before, one in _changed(place, answers, FUNCTION)
        for name in WHERE_THE_LEASE_IS
        if (there := _told(before, name)) and (now := _told(one.properties, name)) and there != now
    ]


def _told(function: Mapping[str, Any], name: str) -> str:
    """A variable of a function; empty when it has none."""
    return str(function.get("Environment", {}).get("Variables", {}).get(name, ""))


GROWTH_PROBES = (
    Probe(
        id="lease-moves-by-deploy",
        fact="The lease stays where it is: its region follows from the witness and the strategy.",
        asks=(_templates_with(PLAN),),
        expects="no environment yet, or the witness and the standby that were deployed",
        if_not="keepers and plan look for the lease elsewhere: the region that serves stops within 20 s",
        mend="the settings `strategy` and `witnessRegion` as they stand, or a new suffix",
        judge=_lease,
        source="docs/mechanisms/rules.md, A10 and A21; docs/mechanisms/strategies.md",
        types=(PLAN,),
    ),
    Probe(
        id="shards-change",
        fact="One change at most doubles the shards of a stream, or halves them.",
        asks=(
            Ask(
                "kinesis",
                "describe_stream_summary",
                "kinesis:DescribeStreamSummary",
                _streams,
                absent=frozenset({"ResourceNotFoundException"}),
            ),
        ),
        expects="no stream yet, or a count within half and double of what the templates want",
        if_not="the stream's update is refused and the stack rolls back",
        mend="`aws kinesis update-shard-count`, in steps",
        judge=_shards,
        source="Amazon Kinesis Data Streams API Reference, UpdateShardCount",
        types=(STREAM,),
    ),
    Probe(
        id="partitions-change",
        fact="The number of a topic's partitions is fixed (B9); AWS would change it in place.",
        asks=(_templates_with(TOPIC),),
        expects="no topic yet, or the number that was deployed",
        if_not="a key's events go on in another partition, out of order, and no marker covers it",
        mend="the setting `observationPartitions`",
        judge=_partitions,
        source="docs/mechanisms/rules.md, B9; AWS CloudFormation, AWS::MSK::Topic: PartitionCount updates "
        "without interruption",
        types=(TOPIC,),
    ),
    Probe(
        id="broker-volume-change",
        fact="A broker's volume grows, by itself too, and never shrinks.",
        asks=(
            _templates_with(CLUSTER),
            Ask("kafka", "list_clusters_v2", "kafka:ListClustersV2"),
        ),
        expects="no cluster yet, the size that was deployed, or one that is not below what stands",
        if_not="the cluster's update is refused and the stack rolls back",
        mend="an `eventsPerMinute` from which at least that size follows",
        judge=_volumes,
        source="Amazon MSK Developer Guide, Scale up Amazon MSK broker storage",
        types=(CLUSTER,),
    ),
)
