"""Which contract each function and each command of a service has."""

from __future__ import annotations

from lifeline.lambdas.contracts import custom_resources as made
from lifeline.lambdas.contracts.archiver import Archive, ArchiveTask
from lifeline.lambdas.contracts.contract import Contract
from lifeline.lambdas.contracts.event_applier import Apply, Migrate
from lifeline.lambdas.contracts.failover_step import FailoverStepContract
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.contracts.lag_meter import LagMeterContract
from lifeline.lambdas.contracts.probe import ProbeContract
from lifeline.lambdas.contracts.query_api import QueryApi
from lifeline.lambdas.contracts.replicator import Replicator
from lifeline.lambdas.contracts.rotate_admin import RotateAdmin
from lifeline.lambdas.contracts.stream_bridge import StreamBridge

CUSTOM_RESOURCES: dict[str, type[made.CustomResource]] = {
    "bucket_replication": made.BucketReplication,
    "cache_membership": made.CacheMembership,
    "close_default_group": made.CloseDefaultGroup,
    "empty_bucket": made.EmptyBucket,
    "empty_vault": made.EmptyVault,
    "file_replication": made.FileReplication,
    "integration_tls": made.IntegrationTls,
    "kafka_bootstrap": made.KafkaBootstrap,
    "kafka_links": made.KafkaLinks,
    "peer_lookup": made.PeerLookup,
    "stream_incarnation": made.StreamIncarnation,
}
FUNCTIONS: dict[str, type[Contract]] = {
    **CUSTOM_RESOURCES,
    "failover_step": FailoverStepContract,
    "keeper": KeeperContract,
    "lag_meter": LagMeterContract,
    "probe": ProbeContract,
    "rotate_admin": RotateAdmin,
    "stream_bridge": StreamBridge,
}
"""By the package below `lambdas`."""
SERVICES: dict[str, type[Contract]] = {
    "archiver archive": Archive,
    "archiver task": ArchiveTask,
    "event_applier apply": Apply,
    "event_applier migrate": Migrate,
    "query_api": QueryApi,
    "replicator": Replicator,
}
"""By the package below `services` and its command; `replicator` for the image that takes none."""
