"""The files' replication: started once, never restarted over a promoted side, removed whatever is dead.

The file service of both regions is a twin in memory, with the service's own rules: one replication for a
file system, a protected one cannot be overwritten, and ending one protects the destination again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lifeline.lambdas.file_replication import handler
from lifeline.lambdas.file_replication.decision import (
    PROMOTED,
    STARTED,
    Action,
    Replication,
    Side,
    decide,
)
from lifeline.lambdas.file_replication.service import (
    LOCAL_ONLY,
    Pair,
    RegionFiles,
    StillReplicating,
)

HOME_ID, AWAY_ID, OTHER_ID = "fs-11111111", "fs-22222222", "fs-33333333"
HOME, AWAY = "ca-central-1", "ca-west-1"


@dataclass
class EfsTwin:
    """EFS of both regions: what it knows of each file system, and which region does not answer."""

    protection: dict[str, str] = field(
        default_factory=lambda: dict.fromkeys((HOME_ID, AWAY_ID, OTHER_ID), "ENABLED")
    )
    tags: dict[str, set[str]] = field(
        default_factory=lambda: {one: set() for one in (HOME_ID, AWAY_ID, OTHER_ID)}
    )
    links: dict[str, Replication] = field(default_factory=dict)
    """By region: each keeps its own half of a replication."""
    dead: set[str] = field(default_factory=set)
    ends_never: bool = False
    end_refused: str = ""
    """The code that an end of both halves is refused with."""
    answer_lost: bool = False
    """An end of both halves is accepted, ends them later, and answers too late."""
    looks_until_ended: int = 0
    untag_refused: str = ""
    ended: list[tuple[str, str | None]] = field(default_factory=list)
    """Region and mode of each end that was asked for."""


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


@dataclass
class RegionTwin:
    """The port `Files` over an `EfsTwin`."""

    efs: EfsTwin
    region: str

    def _answer(self) -> None:
        if self.region in self.efs.dead:
            raise OSError(f"{self.region} does not answer")

    def side(self, file_system_id: str) -> Side:
        self._answer()
        return Side(
            file_system_id=file_system_id,
            protection=self.efs.protection[file_system_id],
            tags=frozenset(self.efs.tags[file_system_id]),
            replication=self.replication(file_system_id),
        )

    def replication(self, file_system_id: str) -> Replication | None:
        self._answer()
        found = self.efs.links.get(self.region)
        if found is None or file_system_id not in (found.source_id, *found.destination_ids):
            return None
        if found.ending:
            self.efs.looks_until_ended -= 1
            if self.efs.looks_until_ended < 0:
                self.efs.links.clear()
        return found

    def unprotect(self, file_system_id: str) -> None:
        self._answer()
        self.efs.protection[file_system_id] = "DISABLED"

    def start(self, source_id: str, destination_id: str, destination_region: str) -> None:
        self._answer()
        assert destination_region not in self.efs.dead
        assert self.efs.protection[destination_id] == "DISABLED", "the service refuses this"
        assert not self.efs.links, "a file system is part of one replication"
        self.efs.protection[destination_id] = "REPLICATING"
        made = Replication(source_id=source_id, destination_ids=(destination_id,))
        self.efs.links = {HOME: made, AWAY: made}

    def end(self, source_id: str, mode: str | None) -> None:
        self._answer()
        self.efs.ended.append((self.region, mode))
        if mode is None and self.efs.end_refused:
            raise refusal(self.efs.end_refused)
        if mode is None and self.efs.answer_lost:
            self.efs.links = {
                region: replace(one, ending=True) for region, one in self.efs.links.items()
            }
            raise TimeoutError("read timed out")
        if self.efs.dead and mode is None:
            raise OSError("the other half does not answer")
        if self.efs.ends_never:
            return
        if mode is None:
            found = next(iter(self.efs.links.values()), None)
            for destination in found.destination_ids if found else ():
                self.efs.protection[destination] = "ENABLED"
            self.efs.links.clear()
        else:
            self.efs.links.pop(self.region, None)

    def tag(self, file_system_id: str, key: str, value: str) -> None:
        self._answer()
        self.efs.tags[file_system_id].add(key)

    def untag(self, file_system_id: str, key: str) -> None:
        self._answer()
        if self.efs.untag_refused:
            raise refusal(self.efs.untag_refused)
        self.efs.tags[file_system_id].discard(key)


def pair(efs: EfsTwin) -> Pair:
    return Pair(
        source_id=HOME_ID,
        destination_id=AWAY_ID,
        destination_region=AWAY,
        home=RegionTwin(efs, HOME),
        recovery=RegionTwin(efs, AWAY),
    )


def remove(efs: EfsTwin) -> str:
    """With a clock that a sleep moves on."""
    at = [0.0]

    def sleep(seconds: float) -> None:
        at[0] += seconds

    return pair(efs).remove(lambda: at[0], sleep)


def test_a_fresh_pair_is_replicated_and_the_destination_remembers_it() -> None:
    efs = EfsTwin()
    assert pair(efs).ensure(creating=True).action is Action.START
    assert efs.links[AWAY].source_id == HOME_ID
    assert efs.protection[AWAY_ID] == "REPLICATING"
    assert STARTED in efs.tags[AWAY_ID]


def test_an_update_of_a_running_replication_changes_nothing() -> None:
    efs = EfsTwin()
    pair(efs).ensure(creating=True)
    decision = pair(efs).ensure(creating=False)
    assert decision.action is Action.LEAVE
    assert "already" in decision.reason


def test_a_deploy_after_a_promotion_does_not_overwrite_the_promoted_side() -> None:
    """The recovery plan ended the replication in its own region only; home was dead and then came back."""
    efs = EfsTwin()
    pair(efs).ensure(creating=True)
    efs.links.clear()
    efs.protection[AWAY_ID] = "ENABLED"
    efs.tags[AWAY_ID].add(PROMOTED)
    assert pair(efs).ensure(creating=False).action is Action.LEAVE
    assert efs.links == {}


def test_a_released_destination_is_left_alone_even_if_nobody_tagged_it() -> None:
    efs = EfsTwin()
    pair(efs).ensure(creating=True)
    efs.links.clear()
    efs.protection[AWAY_ID] = "ENABLED"
    assert PROMOTED not in efs.tags[AWAY_ID]
    decision = pair(efs).ensure(creating=False)
    assert decision.action is Action.LEAVE
    assert "newer files" in decision.reason


def test_a_replication_in_the_other_direction_is_left_alone() -> None:
    turned = Replication(source_id=AWAY_ID, destination_ids=(HOME_ID,))
    efs = EfsTwin(links={HOME: turned, AWAY: turned})
    decision = pair(efs).ensure(creating=False)
    assert decision.action is Action.LEAVE
    assert "swapped" in decision.reason
    assert efs.links == {HOME: turned, AWAY: turned}


def test_an_update_with_the_peer_dead_succeeds_and_a_create_fails() -> None:
    efs = EfsTwin(dead={AWAY})
    decision = pair(efs).ensure(creating=False)
    assert decision.action is Action.LEAVE
    assert "cannot be seen" in decision.reason
    with pytest.raises(OSError, match="ca-west-1 does not answer"):
        pair(efs).ensure(creating=True)
    assert efs.links == {}


def test_a_start_that_was_cut_short_is_finished_by_the_next_try() -> None:
    efs = EfsTwin()
    efs.protection[AWAY_ID] = "DISABLED"
    efs.tags[AWAY_ID].add(STARTED)
    assert pair(efs).ensure(creating=True).action is Action.START
    assert HOME in efs.links


def test_removed_and_created_again_it_starts_again() -> None:
    efs = EfsTwin()
    pair(efs).ensure(creating=True)
    assert remove(efs) == "ended"
    assert (efs.links, STARTED in efs.tags[AWAY_ID]) == ({}, False)
    assert pair(efs).ensure(creating=True).action is Action.START


def test_a_turned_replication_is_removed_too() -> None:
    """File systems that replicate cannot be deleted, whichever way round."""
    turned = Replication(source_id=AWAY_ID, destination_ids=(HOME_ID,))
    efs = EfsTwin(links={HOME: turned, AWAY: turned})
    assert remove(efs) == "ended"
    assert efs.links == {}


def test_removal_with_the_peer_dead_lets_go_of_the_own_half() -> None:
    efs = EfsTwin()
    pair(efs).ensure(creating=True)
    efs.dead.add(AWAY)
    assert remove(efs) == "ended"
    assert HOME not in efs.links


def asked(kind: str, source: str, destination: str, was: str = "") -> dict[str, Any]:
    """CloudFormation's request."""
    return {
        "RequestType": kind,
        "PhysicalResourceId": was,
        "ResourceProperties": {
            "SourceId": source,
            "SourceRegion": HOME,
            "DestinationId": destination,
            "DestinationRegion": AWAY,
        },
    }


@pytest.fixture
def efs(monkeypatch: pytest.MonkeyPatch) -> EfsTwin:
    """What the handler sees of both regions."""
    made = EfsTwin()
    monkeypatch.setattr(handler, "_files", lambda region: RegionTwin(made, region))
    return made


OLD, NEW = f"{HOME_ID}-to-{AWAY_ID}", f"{HOME_ID}-to-{OTHER_ID}"


@pytest.mark.parametrize("other", [(HOME_ID, OTHER_ID), (OTHER_ID, AWAY_ID)])
def test_the_delete_of_an_old_pair_leaves_the_new_ones_replication(
    efs: EfsTwin, other: tuple[str, str]
) -> None:
    """CloudFormation sends it after an update that changed the physical id."""
    source, destination = other
    running = Replication(source_id=source, destination_ids=(destination,))
    efs.links = {HOME: running, AWAY: running}
    efs.tags[destination].add(STARTED)
    handler.provide(asked("Delete", HOME_ID, AWAY_ID, OLD))
    assert efs.links == {HOME: running, AWAY: running}
    assert STARTED in efs.tags[destination]


def test_a_pair_is_replaced_only_by_one_that_replicates(efs: EfsTwin) -> None:
    handler.provide(asked("Create", HOME_ID, AWAY_ID))
    with pytest.raises(handler.PairNotReplaced, match="End the old replication first"):
        handler.provide(asked("Update", HOME_ID, OTHER_ID, OLD))
    assert efs.links[HOME].destination_ids == (AWAY_ID,)
    handler.provide(asked("Delete", HOME_ID, AWAY_ID, OLD))
    for _ in ("started", "asked again because the answer was lost"):
        assert handler.provide(asked("Update", HOME_ID, OTHER_ID, OLD))[0] == NEW
    assert efs.links[HOME].destination_ids == (OTHER_ID,)


def test_an_update_of_the_same_pair_that_must_not_start_still_succeeds(efs: EfsTwin) -> None:
    efs.tags[AWAY_ID].add(PROMOTED)
    made, said = handler.provide(asked("Update", HOME_ID, AWAY_ID, OLD))
    assert made == OLD
    assert said["Outcome"].startswith("leave")


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_an_answer_about_the_caller_leaves_both_halves(efs: EfsTwin, code: str) -> None:
    pair(efs).ensure(creating=True)
    efs.end_refused = code
    with pytest.raises(ClientError, match=code):
        remove(efs)
    assert set(efs.links) == {HOME, AWAY}


def test_a_removal_cut_in_half_is_finished_by_the_next(efs: EfsTwin) -> None:
    """The service refused both halves at once, though both regions answer."""
    pair(efs).ensure(creating=True)
    efs.end_refused = "BadRequest"
    with pytest.raises(StillReplicating):
        remove(efs)
    assert set(efs.links) == {AWAY}
    assert remove(efs) == "ended"
    assert efs.links == {}
    assert efs.ended[-1] == (AWAY, LOCAL_ONLY)


def test_an_end_whose_answer_was_lost_is_waited_for(efs: EfsTwin) -> None:
    pair(efs).ensure(creating=True)
    efs.answer_lost, efs.looks_until_ended = True, 3
    assert remove(efs) == "ended"
    assert efs.ended == [(HOME, None)]


def test_an_end_under_way_is_not_asked_for_again(efs: EfsTwin) -> None:
    ending = Replication(source_id=HOME_ID, destination_ids=(AWAY_ID,), ending=True)
    for region in (HOME, AWAY):
        efs.links, efs.looks_until_ended = {region: ending}, 2
        assert remove(efs) == "ended"
    assert efs.ended == []


def test_a_tag_that_cannot_be_removed_fails_the_removal(efs: EfsTwin) -> None:
    pair(efs).ensure(creating=True)
    efs.untag_refused = "ThrottlingException"
    with pytest.raises(ClientError, match="ThrottlingException"):
        remove(efs)
    efs.untag_refused = ""
    assert remove(efs) == "there was none"
    assert STARTED not in efs.tags[AWAY_ID]


def test_removal_of_nothing_succeeds() -> None:
    assert remove(EfsTwin()) == "there was none"
    assert remove(EfsTwin(dead={AWAY})) == "there was none"


def test_a_replication_that_never_ends_is_reported() -> None:
    efs = EfsTwin()
    pair(efs).ensure(creating=True)
    efs.ends_never = True
    with pytest.raises(StillReplicating, match="240 s"):
        remove(efs)


sides = st.none() | st.builds(
    Side,
    file_system_id=st.sampled_from([HOME_ID, AWAY_ID]),
    protection=st.sampled_from(["ENABLED", "DISABLED", "REPLICATING"]),
    tags=st.frozensets(st.sampled_from([PROMOTED, STARTED, "Name"])),
    replication=st.none()
    | st.just(Replication(source_id=AWAY_ID, destination_ids=(HOME_ID,)))
    | st.just(Replication(source_id=HOME_ID, destination_ids=(AWAY_ID,))),
)


@given(source=sides, destination=sides)
def test_it_starts_only_between_two_seen_unlinked_unpromoted_sides(
    source: Side | None, destination: Side | None
) -> None:
    decision = decide(source=source, destination=destination)
    if decision.action is Action.START:
        for side in (source, destination):
            assert side is not None
            assert side.replication is None
            assert PROMOTED not in side.tags
        assert destination is not None
        assert not (STARTED in destination.tags and destination.protection == "ENABLED")
    else:
        assert decision.reason.endswith("nothing was changed")


@pytest.fixture
def file_system() -> Iterator[tuple[Any, str]]:
    """A client and a real (emulated) file system."""
    with mock_aws():
        client = boto3.client("efs", region_name=HOME)
        made = client.create_file_system(CreationToken="t", Tags=[{"Key": "Name", "Value": "f"}])
        yield client, str(made["FileSystemId"])


def test_the_adapter_tags_as_the_service_does(file_system: tuple[Any, str]) -> None:
    client, file_system_id = file_system
    files = RegionFiles(client)
    files.tag(file_system_id, STARTED, HOME_ID)
    tags = client.list_tags_for_resource(ResourceId=file_system_id)["Tags"]
    assert {"Key": STARTED, "Value": HOME_ID} in tags
    files.untag(file_system_id, STARTED)
    tags = client.list_tags_for_resource(ResourceId=file_system_id)["Tags"]
    assert [tag["Key"] for tag in tags] == ["Name"]


def test_untagging_a_file_system_that_is_gone_succeeds(file_system: tuple[Any, str]) -> None:
    client, _ = file_system
    RegionFiles(client).untag("fs-99999999", STARTED)
