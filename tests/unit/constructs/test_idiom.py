"""What a CDK user expects of every construct of the package: nothing of Lifeline's own is required."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from constructs import Construct

AREAS = (
    "application",
    "compliance",
    "data",
    "failover",
    "foundation",
    "observability",
    "streaming",
)


def constructs() -> list[type[Construct]]:
    """Every public construct class of the package; stacks belong to the application."""
    found = []
    for area in AREAS:
        package = importlib.import_module(f"lifeline.{area}")
        for one in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"lifeline.{area}.{one.name}")
            found += [
                made
                for name, made in vars(module).items()
                if inspect.isclass(made)
                and issubclass(made, Construct)
                and made.__module__ == module.__name__
                and not name.startswith("_")
            ]
    return found


def required(construct: type[Construct]) -> list[str]:
    """The parameters of a construct that a user must give."""
    parameters = inspect.signature(construct.__init__).parameters.values()
    return [one.name for one in parameters if one.default is inspect.Parameter.empty]


def test_the_package_has_constructs() -> None:
    assert len(constructs()) > 40


@pytest.mark.parametrize("construct", constructs(), ids=lambda one: one.__name__)
def test_no_construct_requires_a_site(construct: type[Construct]) -> None:
    assert "site" not in required(construct)


@pytest.mark.parametrize("construct", constructs(), ids=lambda one: one.__name__)
def test_no_construct_requires_keys(construct: type[Construct]) -> None:
    assert "keys" not in required(construct)


@pytest.mark.parametrize("construct", constructs(), ids=lambda one: one.__name__)
def test_no_construct_takes_our_network_for_a_vpc(construct: type[Construct]) -> None:
    """A user has an `ec2.IVpc`; what is in it besides she says with `vpc_subnets` and `connections`."""
    parameters = inspect.signature(construct.__init__).parameters.values()
    takers = {one.name for one in parameters if "Network" in str(one.annotation)}
    # TO DO once RegionFailover takes a VPC: no exception.
    assert takers == set()


def metrics() -> list[str]:
    """`Construct.metric_name` of every metric that a construct offers."""
    return sorted(
        f"{construct.__name__}.{name}"
        for construct in constructs()
        for name in vars(construct)
        if name.startswith("metric_")
    )


def test_the_package_has_metrics() -> None:
    assert len(metrics()) > 30


@pytest.mark.parametrize("name", metrics())
def test_every_metric_takes_the_cdks_options(name: str) -> None:
    construct, _, method = name.partition(".")
    (owner,) = [one for one in constructs() if one.__name__ == construct]
    parameters = inspect.signature(vars(owner)[method]).parameters.values()
    assert inspect.Parameter.VAR_KEYWORD in {one.kind for one in parameters}
