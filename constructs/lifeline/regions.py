"""The regions Lifeline knows: code, country, and which services each lacks.

A region that is not here is refused: nobody has looked whether it has what Lifeline needs. Source of the
gaps: the regional service tables, read in November 2026 (docs/mechanisms).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

PATIENT_DATA_COUNTRY = "Canada"
"""Where the environments of this application keep patient data; another application says its own."""


class Service(StrEnum):
    """A service whose presence differs between regions, or that a region must have."""

    AURORA_GLOBAL = "Aurora PostgreSQL global database"
    MSK = "MSK provisioned clusters"
    MSK_REPLICATOR = "MSK Replicator"
    KINESIS = "Kinesis Data Streams"
    FARGATE_ARM64 = "Fargate on arm64"
    LAMBDA_ARM64 = "Lambda on arm64"
    API_GATEWAY_REST = "API Gateway REST APIs"
    STEP_FUNCTIONS = "Step Functions"
    DYNAMODB = "DynamoDB"
    CODEPIPELINE = "CodePipeline"
    CODEBUILD = "CodeBuild"
    FIS = "Fault Injection Service"


@dataclass(frozen=True)
class Region:
    """One region: its code in names, its country, and the services of `Service` that it lacks."""

    name: str
    code: str
    country: str
    lacks: frozenset[Service] = frozenset()
    second_octet: int = 0
    """Literal VPC ranges are 10.{second_octet}.0.0/16: two regions can be peered later."""


CATALOG: dict[str, Region] = {
    region.name: region
    for region in (
        Region("ca-central-1", "cac1", "Canada", second_octet=20),
        Region(
            "ca-west-1",
            "caw1",
            "Canada",
            lacks=frozenset(
                {Service.CODEPIPELINE, Service.CODEBUILD, Service.FIS, Service.MSK_REPLICATOR}
            ),
            second_octet=30,
        ),
        Region("us-east-1", "use1", "United States", second_octet=40),
        Region("us-east-2", "use2", "United States", second_octet=50),
        Region("us-west-2", "usw2", "United States", second_octet=60),
    )
}

PATIENT_DATA_SERVICES = (
    Service.AURORA_GLOBAL,
    Service.MSK,
    Service.KINESIS,
    Service.FARGATE_ARM64,
    Service.LAMBDA_ARM64,
    Service.API_GATEWAY_REST,
    Service.STEP_FUNCTIONS,
    Service.DYNAMODB,
)
"""What a home or recovery region runs."""

PIPELINE_SERVICES = (Service.CODEPIPELINE, Service.CODEBUILD)
"""What the home region needs to drill by itself."""

WITNESS_SERVICES = (Service.DYNAMODB, Service.LAMBDA_ARM64)


def region_named(name: str, *, role: str, catalog: Mapping[str, Region] = CATALOG) -> Region:
    """The catalog's entry. Raises ValueError for a region that nobody has looked at."""
    try:
        return catalog[name]
    except KeyError:
        known = ", ".join(sorted(catalog))
        raise ValueError(
            f"{role} region {name!r} is not in the region catalog; known are {known}."
        ) from None


DIRECTIONS = {
    "central": "c",
    "north": "n",
    "northeast": "ne",
    "northwest": "nw",
    "south": "s",
    "southeast": "se",
    "southwest": "sw",
    "east": "e",
    "west": "w",
}


def code_of(name: str) -> str:
    """A short code for a region that no catalog names: `eu-south-1` is `eus1`, `us-gov-west-1` `usgw1`."""
    area, *middle, number = name.split("-")
    return "".join((area, *(DIRECTIONS.get(one, one[:1]) for one in middle), number))


def require_services(region: Region, services: Iterable[Service], *, role: str) -> None:
    """Raises ValueError when `region` lacks one of `services`."""
    missing = [service.value for service in services if service in region.lacks]
    if missing:
        raise ValueError(
            f"{role} region {region.name} lacks {', '.join(missing)}, which these settings ask for; "
            "choose a region that has it or a setting that does not need it."
        )


def require_residency(
    region: Region, country: str, *, role: str, catalog: Mapping[str, Region] = CATALOG
) -> None:
    """Raises ValueError when patient data in `region` would leave the `country` it must stay in."""
    if region.country != country:
        allowed = ", ".join(sorted(one.name for one in catalog.values() if one.country == country))
        raise ValueError(
            f"{role} region {region.name} lies in {region.country} and would hold patient data, "
            f"which must stay in {country}; allowed are {allowed or 'none in the catalog'}."
        )
