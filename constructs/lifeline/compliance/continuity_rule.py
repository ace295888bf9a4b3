"""One rule of the continuity pack: which resources it looks at, and why it refuses one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lifeline.compliance.synthesized_environment import Resource, SynthesizedEnvironment


@dataclass(frozen=True)
class Refusal:
    """Why a resource breaks a rule, and where in it."""

    because: str
    location: str = "Properties"


@dataclass(frozen=True)
class ContinuityRule:
    """A rule is two pure functions; `examines` also says of what the report may claim compliance."""

    name: str
    """Stable: acknowledgements name it as `LifelineContinuity-{name}`."""
    description: str
    fix: str
    controls: tuple[str, ...]
    """HIPAA Security Rule, 45 CFR."""
    examines: Callable[[SynthesizedEnvironment], Iterable[Resource]]
    refuses: Callable[[SynthesizedEnvironment, Resource], Iterable[Refusal]]

    def findings(self, environment: SynthesizedEnvironment) -> Iterator[tuple[Resource, Refusal]]:
        """Every refusal in the environment."""
        for resource in self.examines(environment):
            for refusal in self.refuses(environment, resource):
                yield resource, refusal


def types(*names: str) -> Callable[[SynthesizedEnvironment], Iterable[Resource]]:
    """Examine the resources of these types."""
    return lambda environment: environment.of_type(*names)


def everything(environment: SynthesizedEnvironment) -> Iterable[Resource]:
    """Examine every resource."""
    return environment.resources()
