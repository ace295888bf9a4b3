"""What no question to an account answers: seen only when an environment is deployed, drilled or destroyed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class When(StrEnum):
    """When it shows for the first time."""

    DEPLOYMENT = "first deployment"
    EXERCISE = "fifteen minutes after it"
    DRILL = "first drill"
    DESTRUCTION = "first destruction"


@dataclass(frozen=True)
class Observation:
    """A fact that the design rests on, where to look whether it holds, and what to do if it does not."""

    id: str
    fact: str
    when: When
    look: str
    if_not: str


OBSERVATIONS: tuple[Observation, ...] = (
    Observation(
        "image-build",
        "Both images build for arm64 from their locked requirements; no container engine was there to try.",
        When.DEPLOYMENT,
        "`make images`: both images in both regions, under one digest",
        "the build names the package or the base image: another version of it in `services/`",
    ),
    Observation(
        "arm64-functions",
        "Lambda runs python3.14 on arm64 in ca-west-1.",
        When.DEPLOYMENT,
        "the first function of `Foundation-caw1`",
        "it is refused and the stack rolls back: another architecture in `Function`",
    ),
    Observation(
        "arm64-tasks",
        "Fargate runs arm64 in both regions.",
        When.DEPLOYMENT,
        "the services of `Application-…` become stable",
        "their events name the platform: another architecture in `Services`, and images for it",
    ),
    Observation(
        "broker-classes",
        "MSK offers the brokers' class in both regions; the probe `broker-class` sees only a sign of it.",
        When.DEPLOYMENT,
        "the cluster of `Streaming-…`",
        "it is refused at once: another class in the profile",
    ),
    Observation(
        "private-links",
        "Where MSK Replicator copies the log: MSK turns private links on within two hours of its creation.",
        When.DEPLOYMENT,
        "the custom resource `Custom::KafkaLinks` of `Streaming-…`",
        "it fails after two hours, and a deploy repeats it",
    ),
    Observation(
        "cache-member",
        "The second member of the global cache takes the properties that its template gives.",
        When.DEPLOYMENT,
        "the replication group of `Replication-caw1`",
        "ElastiCache names the property: take it out of `SecondaryCache`",
    ),
    Observation(
        "secret-replica",
        "A replicated secret keeps its tags, and its replica is encrypted by the other region's key.",
        When.DEPLOYMENT,
        "`aws secretsmanager describe-secret` in the recovery region",
        "its `ReplicationStatus` names the reason",
    ),
    Observation(
        "routes-and-rights",
        "Every step of the plan reaches what it reads, and may.",
        When.EXERCISE,
        "the alarm `failover-step-failing` is OK in both regions",
        "[the alarm's page](../runbooks/keeper-or-probe.md): the log names the step and the error",
    ),
    Observation(
        "breaker-proof",
        "The drill's state machine may make every heal, and does so before the first fault.",
        When.DRILL,
        "the execution of `drill-{suffix}`: its states `Prove…` succeeded",
        "the execution failed and nothing is broken; its cause names the call that was refused",
    ),
    Observation(
        "network-cut",
        "Two entries of the network's ACL and a denied role cut the region off, within seconds.",
        When.DRILL,
        "`effect` in the evidence: `/health` of the broken region does not take events",
        "the run is INVALID and healed: cut more, in `drill_machine.py`",
    ),
    Observation(
        "heal-by-itself",
        "A fault that nobody ends is healed by its own execution.",
        When.DRILL,
        "`make drill TARGET=aws` killed while the fault is in force: the execution's states `Allow…` succeed",
        "`lifeline drill heal`, or the calls by hand (docs/runbooks/drill.md)",
    ),
    Observation(
        "promotion-time",
        "Aurora promotes the other region within the step's budget.",
        When.DRILL,
        "`await_database` in the run's evidence",
        "the budget in the plan is wrong: raise it, and the tier's RTO with it",
    ),
    Observation(
        "cache-failover",
        "The global cache fails over, or lets its member go, while the primary's region is cut off.",
        When.DRILL,
        "`cache` in the run's evidence: done, not degraded",
        "its detail names ElastiCache's answer",
    ),
    Observation(
        "files-release",
        "EFS releases the files by an answer of the surviving region alone.",
        When.DRILL,
        "`files` in the run's evidence: done, not degraded",
        "its detail names EFS's answer",
    ),
    Observation(
        "traffic-shift",
        "Route 53 follows the traffic switch within the step's budget.",
        When.DRILL,
        "the first answer of the other region in the edge's journal",
        "the health check's interval, or the record's TTL, is too long",
    ),
    Observation(
        "request-rates",
        "KMS and the services' APIs do not throttle the load.",
        When.DRILL,
        "`AWS/Usage` and the throttle metrics on the dashboards while the drill streams",
        "ask for a higher request rate, or batch more",
    ),
    Observation(
        "pipeline-rights",
        "The pipeline's roles may make every call of their steps, under the permissions boundary.",
        When.DRILL,
        "the first run of the pipeline `drill-{suffix}` with `ENVIRONMENT=yes`: every stage succeeded",
        "the stage's log names the call that was refused; what was deployed is swept",
    ),
    Observation(
        "switch-back",
        "Aurora and the global cache move the writes home within a quarter of an hour.",
        When.DESTRUCTION,
        "`make destroy ARGS=--switch-back` after a failover says that both write at home again",
        "the command ends before anything is destroyed; run it again, or raise `SWITCH_SECONDS`",
    ),
    Observation(
        "nothing-left",
        "A destroyed environment leaves nothing.",
        When.DESTRUCTION,
        "`lifeline preflight` for the same suffix: `leftovers` and the names are ok",
        "each finding comes with the command that removes it",
    ),
)
