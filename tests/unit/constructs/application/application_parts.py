"""The application's constructs in one stack under test, with what they stand on."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.application.edge_identity import EdgeIdentity
from lifeline.application.edge_shield import EdgeShield
from lifeline.application.events_api import EventsApi
from lifeline.application.services import Services
from lifeline.data.cache_access import ISessionCache
from lifeline.data.global_database import GlobalDatabase
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.network import Network
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.replicated_log import ReplicatedLog
from lifeline.streaming.topic_archive import TopicArchive
from tests.unit.constructs.conftest import StackUnderTest


@dataclass
class Parts:
    """What integrators see."""

    services: Services
    api: EventsApi
    shield: EdgeShield


@dataclass
class Dependencies:
    """What the services stand on."""

    network: Network
    database: GlobalDatabase
    stream: EdgeStream
    log: ReplicatedLog


def dependencies_of(made: StackUnderTest) -> Dependencies:
    """Network, database, stream and log in the stack under test."""
    stack, site, keys, network = made.stack, made.site, made.keys, made.network()
    ClosedDefaultGroup(stack, "ClosedDefaultGroup", site=site, vpc=network.vpc, keys=keys)
    return Dependencies(
        network=network,
        database=GlobalDatabase(stack, "Database", site=site, vpc=network.vpc, keys=keys),
        stream=EdgeStream(stack, "Stream", site=site, keys=keys),
        log=ReplicatedLog(stack, "Log", site=site, vpc=network.vpc, keys=keys),
    )


def services_of(
    made: StackUnderTest,
    dependencies: Dependencies,
    cache: ISessionCache | None = None,
    archive: TopicArchive | None = None,
) -> Services:
    """The services on `dependencies`."""
    return Services(
        made.stack,
        "Services",
        site=made.site,
        vpc=dependencies.network.vpc,
        database=dependencies.database,
        stream=dependencies.stream,
        log=dependencies.log,
        cache=cache,
        archive=archive,
        keys=made.keys,
    )


def parts_of(made: StackUnderTest) -> Parts:
    """The services and the API, with everything below them."""
    dependencies = dependencies_of(made)
    services = services_of(made, dependencies)
    api = EventsApi(
        made.stack,
        "Events",
        site=made.site,
        vpc=dependencies.network.vpc,
        stream=dependencies.stream,
        query_api=services.query_api,
        identity=EdgeIdentity(made.stack, "Identity", site=made.site),
        keys=made.keys,
    )
    shield = EdgeShield(
        made.stack, "Shield", site=made.site, stage_arn=api.stage_arn, keys=made.keys
    )
    return Parts(services, api, shield)


def api_of(made: StackUnderTest) -> EventsApi:
    """The API behind its web ACL."""
    return parts_of(made).api
