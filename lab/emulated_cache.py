"""The emulator's cache service with global groups, which it lacks: their API, and who is a member.

Only the control plane: which member is the primary, and what is refused. Runs in the emulator's process;
`cache` is its module `ministack.services.elasticache`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

PREFIX = "ldgnf-"
"""AWS puts five letters of its own before the suffix that the caller chose."""

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class GlobalGroup:
    """A global group. `members` are (region, group) → whether it is the primary."""

    identifier: str
    description: str
    members: dict[tuple[str, str], bool] = field(default_factory=dict)

    def xml(self) -> str:
        """As the API shows it."""
        members = "".join(
            f"<GlobalReplicationGroupMember><ReplicationGroupId>{group}</ReplicationGroupId>"
            f"<ReplicationGroupRegion>{region}</ReplicationGroupRegion>"
            f"<Role>{_role(primary)}</Role><Status>associated</Status>"
            f"<AutomaticFailover>enabled</AutomaticFailover></GlobalReplicationGroupMember>"
            for (region, group), primary in sorted(self.members.items())
        )
        return (
            f"<GlobalReplicationGroupId>{self.identifier}</GlobalReplicationGroupId>"
            f"<GlobalReplicationGroupDescription>{self.description}"
            f"</GlobalReplicationGroupDescription><Status>available</Status>"
            f"<Members>{members}</Members>"
        )


def _role(primary: bool) -> str:
    return "PRIMARY" if primary else "SECONDARY"


class Refused(Exception):
    """The service's error: code and sentence."""


class GlobalCaches:
    """All global groups, of all regions."""

    def __init__(
        self, cache: Any, region: Callable[[], str], groups: dict[str, GlobalGroup]
    ) -> None:
        self._cache = cache
        self._region = region
        self._global_groups = groups
        self._actions: dict[str, Callable[[dict[str, str]], str]] = {
            "CreateGlobalReplicationGroup": self._create,
            "DescribeGlobalReplicationGroups": self._describe,
            "ModifyGlobalReplicationGroup": self._modify,
            "FailoverGlobalReplicationGroup": self._fail_over,
            "DisassociateGlobalReplicationGroup": self._disassociate,
            "DeleteGlobalReplicationGroup": self._delete,
        }

    def answer(self, given: dict[str, str]) -> Answer | None:
        """The answer to one of the global groups' calls; None for any other call."""
        action = given.get("Action", "")
        if action not in self._actions:
            return None
        try:
            inner = self._actions[action](given)
        except Refused as refusal:
            code, sentence = refusal.args
            return self._error(code, sentence)
        result = f"<{action}Result>{inner}</{action}Result>"
        shown: Answer = self._cache._xml(200, f"{action}Response", result)
        return shown

    def _error(self, code: str, sentence: str) -> Answer:
        shown: Answer = self._cache._error(code, sentence, 400)
        return shown

    def info_xml(self, group: str) -> str:
        """What a replication group of this region says of its membership."""
        for global_group in self._global_groups.values():
            primary = global_group.members.get((self._region(), group))
            if primary is not None:
                return (
                    f"<GlobalReplicationGroupInfo><GlobalReplicationGroupId>{global_group.identifier}"
                    f"</GlobalReplicationGroupId><GlobalReplicationGroupMemberRole>"
                    f"{_role(primary)}</GlobalReplicationGroupMemberRole></GlobalReplicationGroupInfo>"
                )
        return ""

    def join(self, global_group: str, group: str) -> None:
        """A replication group made with the id of a global group is its secondary."""
        self._global_group(global_group).members[(self._region(), group)] = False

    def refuse_deletion(self, group: str) -> Answer | None:
        """Before a deletion: no member of a global group may go."""
        for global_group in self._global_groups.values():
            primary = global_group.members.get((self._region(), group))
            if primary is not None:
                return self._error(
                    "InvalidReplicationGroupState",
                    f"{group} is the {_role(primary).lower()} of {global_group.identifier}: it cannot be "
                    "deleted before it is disassociated.",
                )
        return None

    def _global_group(self, identifier: str) -> GlobalGroup:
        if identifier not in self._global_groups:
            raise Refused(
                "GlobalReplicationGroupNotFoundFault", f"There is no global group {identifier}."
            )
        return self._global_groups[identifier]

    def _shown(self, global_group: GlobalGroup) -> str:
        return f"<GlobalReplicationGroup>{global_group.xml()}</GlobalReplicationGroup>"

    def _create(self, given: dict[str, str]) -> str:
        primary = given["PrimaryReplicationGroupId"]
        if self._cache._replication_groups.get(primary) is None:
            raise Refused("ReplicationGroupNotFoundFault", f"There is no cache {primary} here.")
        identifier = PREFIX + given["GlobalReplicationGroupIdSuffix"]
        if identifier in self._global_groups:
            raise Refused("GlobalReplicationGroupAlreadyExistsFault", f"{identifier} exists.")
        global_group = GlobalGroup(identifier, given.get("GlobalReplicationGroupDescription", ""))
        global_group.members[(self._region(), primary)] = True
        self._global_groups[identifier] = global_group
        return self._shown(global_group)

    def _describe(self, given: dict[str, str]) -> str:
        wanted = given.get("GlobalReplicationGroupId")
        found = [self._global_group(wanted)] if wanted else list(self._global_groups.values())
        return (
            f"<GlobalReplicationGroups>{''.join(map(self._shown, found))}</GlobalReplicationGroups>"
        )

    def _modify(self, given: dict[str, str]) -> str:
        global_group = self._global_group(given["GlobalReplicationGroupId"])
        global_group.description = given.get(
            "GlobalReplicationGroupDescription", global_group.description
        )
        return self._shown(global_group)

    def _fail_over(self, given: dict[str, str]) -> str:
        global_group = self._global_group(given["GlobalReplicationGroupId"])
        chosen = (given["PrimaryRegion"], given["PrimaryReplicationGroupId"])
        if chosen not in global_group.members:
            raise Refused("InvalidParameterValue", f"{chosen[1]} is no member there.")
        global_group.members = {member: member == chosen for member in global_group.members}
        return self._shown(global_group)

    def _disassociate(self, given: dict[str, str]) -> str:
        global_group = self._global_group(given["GlobalReplicationGroupId"])
        member = (given["ReplicationGroupRegion"], given["ReplicationGroupId"])
        if global_group.members.get(member, True):
            raise Refused("InvalidParameterValue", f"{member[1]} is no secondary there.")
        del global_group.members[member]
        return self._shown(global_group)

    def _delete(self, given: dict[str, str]) -> str:
        global_group = self._global_group(given["GlobalReplicationGroupId"])
        if not all(global_group.members.values()):
            raise Refused("InvalidGlobalReplicationGroupState", "It has secondaries.")
        del self._global_groups[global_group.identifier]
        return self._shown(global_group)


def add_global_groups(
    cache: Any, region: Callable[[], str], groups: dict[str, GlobalGroup]
) -> None:
    """Put global groups before the module's own calls, and membership into its groups.

    `groups`: those that there are already, by their names; new ones come to stand in it.
    """
    caches = GlobalCaches(cache, region, groups)
    handle, shown, user_shown = cache.handle_request, cache._rg_xml, cache._user_xml
    create, delete = cache._create_replication_group, cache._delete_replication_group

    async def handled(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        text = body.decode("utf-8", errors="replace") if body else ""
        given = {name: values[0] for name, values in parse_qs(text).items()}
        return caches.answer(given) or await handle(method, path, headers, body, query)

    def created(given: Any) -> Any:
        answer = create(given)
        global_group = cache._p(given, "GlobalReplicationGroupId")
        if answer[0] == 200 and global_group:
            caches.join(global_group, cache._p(given, "ReplicationGroupId"))
        return answer

    def deleted(given: Any) -> Any:
        return caches.refuse_deletion(cache._p(given, "ReplicationGroupId")) or delete(given)

    cache.handle_request = handled
    cache._rg_xml = lambda group: shown(group) + caches.info_xml(group["ReplicationGroupId"])
    # An access string has an ampersand, which the emulator writes into the XML as it is.
    cache._user_xml = lambda user: user_shown(
        {**user, "AccessString": escape(user.get("AccessString", ""))}
    )
    cache._create_replication_group = created
    cache._delete_replication_group = deleted


def tell_cloudformation(stacks: Any, cache: Any) -> None:
    """Fail a stack's deletion that the cache service refuses: the emulator's CloudFormation hears nothing.

    `stacks` is the emulator's `cloudformation.stacks` module.
    """
    delete = stacks._delete_resource
    standing = {
        "AWS::ElastiCache::ReplicationGroup": cache._replication_groups,
        "AWS::ElastiCache::SubnetGroup": cache._subnet_groups,
    }

    def deleted(kind: str, physical: str, properties: Any, *whose: Any) -> Any:
        answer = delete(kind, physical, properties, *whose)
        if kind in standing and standing[kind].get(physical):
            raise ValueError(f"{physical} was not deleted: a global datastore or a cache needs it.")
        return answer

    stacks._delete_resource = deleted
