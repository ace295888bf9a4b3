"""An environment seen from one of its regions: what a construct may know about where it is.

A construct may know whether its region is *home* (a fact of creation). Nothing here says which region is
active: that is the lease's business and changes without a deploy.

Nobody has to give a site. The application tells its stacks once (`Site.attach`); in a plain `cdk.Stack`
a construct derives one from the stack and from its own path.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field, replace

from aws_cdk import Aws, Stack, Token
from aws_cdk import Names as ConstructNames
from aws_cdk.region_info import RegionInfo
from constructs import Construct

from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.naming import Names
from lifeline.regions import Region, code_of
from lifeline.settings import LogReplication, Settings, SettingsError

CONTEXT_KEY = "lifeline:site"
SUFFIX_CHARACTERS = 24
"""Of a derived suffix: enough for a hash, and short enough for the name of a load balancer."""

_attached: dict[str, Site] = {}
_numbers = itertools.count(1)


@functools.cache
def _account_token() -> str:
    """Asked of the library once: it is a call into another process, and names ask 1,500 times."""
    return str(Aws.ACCOUNT_ID)


@functools.cache
def _partition(region: str) -> str:
    """From the CDK's own table of regions; a region that is not in it yet is taken for a new one of `aws`."""
    if Token.is_unresolved(region):
        return str(Aws.PARTITION)
    return RegionInfo.get(region).partition or "aws"


@dataclass(frozen=True, kw_only=True)
class StackSettings(Settings):
    """What a construct in a plain `cdk.Stack` assumes: the sizes of the dev profile, one region.

    Any region and any suffix is taken. What needs a second region or a witness is told so in a sentence.
    """

    only_region: Region
    witness_region: str | None = None
    data_country: str | None = None
    log_replication: LogReplication | None = LogReplication.MIRRORMAKER
    home_region: str = field(default="", init=False)
    recovery_region: str = field(default="", init=False)

    @property
    def home(self) -> Region:
        """The stack's own region: what it makes, it makes there."""
        return self.only_region

    @property
    def recovery(self) -> Region:
        """Raises ValueError: a plain stack knows of no other region."""
        raise ValueError(
            f"A plain stack in {self.only_region.name} knows of no recovery region; give the construct a "
            "`site`, or tell the stack once with `Site.attach(stack, site)`."
        )

    @property
    def has_peer(self) -> bool:
        """Never: a plain stack knows of no other region."""
        return False

    def peer_of(self, region: Region) -> Region:
        """Raises ValueError: a plain stack knows of no other region."""
        return self.recovery

    def _check_words(self) -> None:
        """Nothing: suffix and account are the CDK's."""

    def _check_regions(self) -> None:
        """Nothing: the region is the user's choice."""

    def _check_replication(self) -> None:
        """Nothing: there is no other region."""


@dataclass(frozen=True)
class Site:
    """One region of one environment."""

    settings: Settings
    region: Region
    suffix: str | None = None
    """In names, where it is not the environment's; `renamed` makes one."""

    @staticmethod
    def of(scope: Construct, given: Site | None = None) -> Site:
        """The site of a construct: `given`, else its stack's (`attach`), else one of its own.

        A derived one has the stack's region and account, and names made from the construct's path: two
        constructs of a kind in one stack get different names, and the same ones at every synth.
        """
        if given is not None:
            given.require_region_of(scope)
            return given
        key = scope.node.try_get_context(CONTEXT_KEY)
        return Site.derived(scope) if key is None else _attached[str(key)]

    def require_region_of(self, scope: Construct) -> None:
        """Raises ValueError in a stack of another region: names and ARNs would be the other one's."""
        region = Stack.of(scope).region
        if not Token.is_unresolved(region) and region != self.region.name:
            raise ValueError(
                f"{scope.node.path} was given the site of {self.region.name} and stands in a stack of "
                f"{region}; allowed is the site of the stack's own region."
            )

    @staticmethod
    def derived(scope: Construct) -> Site:
        """A site of the construct's own, from its stack and its path."""
        stack = Stack.of(scope)
        suffix = ConstructNames.unique_resource_name(
            scope, max_length=SUFFIX_CHARACTERS, separator="-"
        ).lower()
        known = not Token.is_unresolved(stack.region)
        region = Region(stack.region, code_of(stack.region) if known else stack.region, "")
        settings = StackSettings(
            environment_suffix=suffix,
            account=None if Token.is_unresolved(stack.account) else stack.account,
            only_region=region,
        )
        return Site(settings, region)

    @classmethod
    def of_region(cls, settings: Settings, region: str) -> Site:
        """An environment as seen from `region`, a name. Raises SettingsError for one that it does not use."""
        used = [settings.home, settings.recovery, *([settings.witness] if settings.witness else [])]
        for one in used:
            if one.name == region:
                return cls(settings, one)
        raise SettingsError(
            f"The environment {settings.environment_suffix!r} has nothing in {region!r}; allowed are "
            f"{', '.join(one.name for one in used)}."
        )

    @staticmethod
    def attach(scope: Construct, site: Site) -> None:
        """Tell `scope`, a stack as a rule, which site everything in it belongs to.

        Raises ValueError when something stands in it already, which could have missed it.
        """
        if scope.node.children:
            raise ValueError(
                f"{scope.node.path or 'The app'} got its site after "
                f"{', '.join(one.node.id for one in scope.node.children)}; attach it first."
            )
        key = str(next(_numbers))
        _attached[key] = site
        scope.node.set_context(CONTEXT_KEY, key)

    @property
    def is_derived(self) -> bool:
        """Whether no application gave it: then nothing else has names that follow from it."""
        return isinstance(self.settings, StackSettings)

    @property
    def account(self) -> str:
        """The account's number, or a token for it where the settings leave it open."""
        return self.settings.account or _account_token()

    @property
    def names(self) -> Names:
        """Physical names in this region."""
        suffix = self.suffix or self.settings.environment_suffix
        return Names(suffix, self.region.code, self.account)

    def renamed(self, name: str) -> Site:
        """The same site for a construct that its user named: everything below it takes that name."""
        suffix = name if self.is_derived else f"{self.settings.environment_suffix}-{name}"
        return replace(self, suffix=suffix)

    @property
    def is_home(self) -> bool:
        """Whether the environment was created here."""
        return self.region == self.settings.home

    @property
    def has_peer(self) -> bool:
        """Whether a second region holds patient data."""
        return self.settings.has_peer

    @property
    def has_standby(self) -> bool:
        """Whether the other region can become active; else it keeps copies only (ADR 23)."""
        return self.settings.has_standby

    @property
    def peer_region(self) -> str:
        """The other region's name as functions are told it: the word for none where it cannot become active.

        Raises ValueError in a plain stack, which knows of no other region.
        """
        return self.peer.region.name if self.has_standby else NO_STANDBY

    @property
    def peer(self) -> Site:
        """The other region that holds patient data. Raises ValueError where there is none."""
        return replace(self, region=self.settings.peer_of(self.region))

    @property
    def witness(self) -> Site | None:
        """The third vantage point; None: only a person makes another region active (A21)."""
        if self.settings.witness is None:
            return None
        return Site(self.settings, self.settings.witness)

    @property
    def lease_site(self) -> Site | None:
        """Where this region reads its lease: the witness; without one its own table (A21). None: nowhere."""
        if self.witness is not None:
            return self.witness
        return self if self.has_peer else None

    @property
    def lease_table(self) -> str:
        """The lease table's name; empty where there is none."""
        there = self.lease_site
        return "" if there is None else there.names.regional_name("lease", "table")

    def arn(self, service: str, resource: str) -> str:
        """A literal ARN in this region: no export, no dependency, also for what a peer owns."""
        return f"arn:{self.partition}:{service}:{self.region.name}:{self.account}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """An ARN of a service whose names all regions of the account share, such as IAM."""
        return f"arn:{self.partition}:{service}::{self.account}:{resource}"

    def bucket_arn(self, bucket_name: str, objects: str | None = None) -> str:
        """A bucket's ARN, or that of its `objects`: S3's names are the whole partition's."""
        path = bucket_name if objects is None else f"{bucket_name}/{objects}"
        return f"arn:{self.partition}:s3:::{path}"

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`; a token where the region is not known at synth."""
        return _partition(self.region.name)

    def table_arn(self, name: str) -> str:
        """A DynamoDB table's ARN in this region."""
        return self.arn("dynamodb", f"table/{name}")
