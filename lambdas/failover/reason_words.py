"""What each word of a decision means to a person, and the command to type next: for pages and the status.

The long story of each is its row in docs/runbooks/holds.md. Commands have places in braces: `suffix`,
`region` (whose keeper decided), `witness`, `epoch` (of the lease), `next_epoch` and `loss`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lifeline.lambdas.failover.decision import Reason
from lifeline.lambdas.failover.readiness import READY

RUNBOOK = "docs/runbooks/holds.md"
STATUS = "lifeline status --suffix {suffix}"
WATCH = f"{STATUS} --watch"
SHOW = "lifeline authority show --suffix {suffix}"
OF_ONE_REGION = "--recovery none --witness none"
"""What our commands are told of an environment without a standby (ADR 23)."""
KEEPER_LOG = (
    "aws logs tail /aws/lambda/keeper-{suffix} --region {region} --since 10m "
    "--filter-pattern unreachable"
)
PROBE_LOG = "aws logs tail /aws/lambda/probe-{suffix} --region {region} --since 10m"
WITNESS_PROBE_LOG = "aws logs tail /aws/lambda/probe-{suffix} --region {witness} --since 10m"
WITNESS_TABLE = "aws dynamodb describe-table --table-name lease-{suffix} --region {witness}"
DATABASE = "aws rds describe-db-clusters --region {region} --query DBClusters[].[DBClusterIdentifier,Status]"
QUERY_API = (
    "aws ecs describe-services --region {region} --cluster services-{suffix} "
    "--services query-api-{suffix}"
)


@dataclass(frozen=True)
class ReasonWords:
    """`meaning` is one sentence. `command` is empty where there is nothing to do.

    `of_incident_lead`: the command writes, and only the incident lead decides that it is typed.
    """

    meaning: str
    command: str = ""
    of_incident_lead: bool = False

    def command_for(self, places: Mapping[str, object]) -> str:
        """The command with its places filled. Raises KeyError for one that is not given."""
        return self.command.format_map(places)


WORDS: Mapping[str, ReasonWords] = {
    Reason.HOLDER: ReasonWords("It holds the lease and serves."),
    Reason.SERVES_DEGRADED: ReasonWords(
        "It holds the lease and renews, and parts of it have not worked for a minute: reads, apply or new "
        "events may stand still. It hands over by itself only where automaticHandOver is on. A word to hand "
        "over counts for ten minutes.",
        "lifeline authority hand-over --suffix {suffix}",
        of_incident_lead=True,
    ),
    Reason.ASKED_TO_HAND_OVER: ReasonWords(
        "A person asked for it within the last ten minutes: it lets the lease go, and the other region takes "
        "it after 30 s.",
        WATCH,
    ),
    Reason.SICK_AND_STANDBY_READY: ReasonWords(
        "Parts of it have not worked for a minute and the other region is ready: it lets the lease go, and "
        "the other region takes it after 30 s.",
        WATCH,
    ),
    Reason.HANDED_OVER: ReasonWords(
        "The active region let the lease go for this one: this region takes over.", WATCH
    ),
    Reason.WAITS_AFTER_HAND_OVER: ReasonWords(
        "This region let the lease go: it takes it back if the other one has not taken it after 2 minutes.",
        WATCH,
    ),
    Reason.DATABASE_BEHIND_LEASE: ReasonWords(
        "It holds the lease and its database is not open yet: the plan runs.", WATCH
    ),
    Reason.DATABASE_UNREACHABLE_BEFORE_PROMOTION: ReasonWords(
        "It holds the lease, and its database does not answer before its promotion: the plan runs.",
        WATCH,
    ),
    Reason.DATABASE_UNREACHABLE: ReasonWords(
        "The active region's database does not answer: reads and apply stop within 20 s.", DATABASE
    ),
    Reason.DATABASE_NEWER_THAN_LEASE: ReasonWords(
        "The database has seen a higher epoch than the lease: somebody rewrote or restored the lease.",
        SHOW,
    ),
    Reason.WITNESS_UNREACHABLE: ReasonWords(
        "The lease cannot be read in the witness region: nobody can take over.", WITNESS_TABLE
    ),
    Reason.WITNESS_UNREACHABLE_WHILE_PAUSED: ReasonWords(
        "The lease cannot be read, but a pause was read less than 20 s ago: it serves for so long.",
        WITNESS_TABLE,
    ),
    Reason.LEASE_ITEM_MISSING: ReasonWords(
        "There is no lease: somebody deleted it, or it was never made. The active stops within 20 s.",
        "lifeline authority init --suffix {suffix} --dry-run",
    ),
    Reason.RELEASED_TO_WRITER: ReasonWords(
        "The lease was given back and the database's writer is here: this region takes it."
    ),
    Reason.TAKEOVER_IS_A_PERSONS: ReasonWords(
        "There is no witness: this region never takes over by itself, a person decides it.", SHOW
    ),
    Reason.OTHER_REGION_WAS_MADE_ACTIVE: ReasonWords(
        "There is no witness, and a person made the other region active: this one has stopped.",
        SHOW,
    ),
    Reason.STOPPED_WITHOUT_THE_OTHER_REGION: ReasonWords(
        "There is no witness. This region stood still, and the other one does not say whether it was made "
        "active meanwhile: it serves nothing.",
        SHOW,
    ),
    Reason.PAUSED: ReasonWords(
        "A person switched automatic failover off for a time.",
        "lifeline authority resume --suffix {suffix}",
    ),
    Reason.LEASE_MOVES: ReasonWords("The other region renews its lease: all is well."),
    Reason.LEASE_NOT_EXPIRED: ReasonWords(
        "The lease stands still, and has not expired yet (30 s).", WATCH
    ),
    Reason.OWN_CONTROL_PROBE_FAILED: ReasonWords(
        "This region's probe cannot see for itself: it may be the one that is cut off.", PROBE_LOG
    ),
    Reason.UNFIT_UNTIL_REPROTECTED: ReasonWords(
        "This region lost the lease before and was not rebuilt: its data may lack events.", SHOW
    ),
    Reason.OWN_DATABASE_UNREACHABLE: ReasonWords(
        "This region's own database does not answer its keeper.", DATABASE
    ),
    Reason.OWN_SERVICES_UNREACHABLE: ReasonWords(
        "This region's query API does not answer: the loss cannot be estimated.", QUERY_API
    ),
    Reason.COOL_DOWN: ReasonWords(
        "The lease moved less than 10 minutes ago: a second failover needs a person's eye.", WATCH
    ),
    Reason.MARKERS_UNKNOWN: ReasonWords(
        "Too little is read yet to say whether the active still applies; this ends after 60 s.",
        WATCH,
    ),
    Reason.MARKERS_STILL_APPLIED: ReasonWords(
        "The active still applies events: only its public path looks ill. This ends after 60 s.",
        WATCH,
    ),
    Reason.LOSS_UNKNOWN: ReasonWords(
        "Nothing says how much a takeover would lose, and unknown is never zero.", KEEPER_LOG
    ),
    Reason.LOSS_ABOVE_RPO: ReasonWords(
        "A takeover would lose more than the tier allows: the incident lead decides. "
        "Type lifeline status twice: while the number falls, wait.",
        "lifeline authority approve --suffix {suffix} --epoch {next_epoch} --loss {loss}",
        of_incident_lead=True,
    ),
    Reason.BACKING_OFF_AFTER_RELEASES: ReasonWords(
        "This region's own plan gave the lease back; it tries again by itself, at most 5 minutes later.",
        WATCH,
    ),
    Reason.ACTIVE_LOST: ReasonWords("The active region is lost: this region takes over.", WATCH),
    Reason.OWN_PROBE_HEALTHY: ReasonWords(
        "The active does not renew, but its API still answers this region with 200.",
        "aws logs tail /aws/lambda/keeper-{suffix} --region {peer} --since 10m",
    ),
    Reason.OWN_PROBE_UNKNOWN: ReasonWords(
        "This region's probe has no opinion of the active: too few, too old or mixed samples.",
        PROBE_LOG,
    ),
    Reason.WITNESS_PROBE_HEALTHY: ReasonWords(
        "The witness still sees the active well: the link between the regions may be cut.",
        "aws logs tail /aws/lambda/keeper-{suffix} --region {peer} --since 10m",
    ),
    Reason.WITNESS_PROBE_UNKNOWN: ReasonWords(
        "The witness's probe has no opinion of the active.", WITNESS_PROBE_LOG
    ),
    READY: ReasonWords("It would take over by itself."),
}
"""By the word; a test holds them against `Reason`."""


def of_one_region(command: str, suffix: str) -> str:
    """The command for an environment without a standby; what is not ours stays as it is."""
    if not command.startswith("lifeline "):
        return command
    named = f"--suffix {suffix}"
    return command.replace(named, f"{named} {OF_ONE_REGION}", 1)
