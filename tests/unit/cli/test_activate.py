"""`lifeline activate` against mocked tables and an environment that follows what it does."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from lifeline.cli import places as cli_places
from lifeline.cli import serving
from lifeline.cli.__main__ import main
from lifeline.cli.activation import Activation
from lifeline.cli.failure import Failure, Refused, WriteUnknown
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.failover.lease import Lease
from lifeline.naming import ALARM_ACTIONS as PARAMETER
from lifeline.naming import OFF, ON
from tests.support.clocks import ManualClock
from tests.support.http_server import Answer, HttpServer, Request, http_server
from tests.support.tables import made_table

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}


class Environment:
    """A deployed environment that becomes active as a real one does: by its keeper, once there is a lease.

    `calls` holds each call to AWS; `at_call` may raise in place of one.
    """

    def __init__(self, health: HttpServer) -> None:
        make: Any = boto3.client
        self.dynamodb = {
            region: make("dynamodb", region_name=region) for region in (HOME, RECOVERY, WITNESS)
        }
        for region, name in (
            (HOME, "region-state-t"),
            (RECOVERY, "region-state-t"),
            (WITNESS, "lease-t"),
        ):
            made_table(region, name)
        self.states = {
            region: make("stepfunctions", region_name=region) for region in (HOME, RECOVERY)
        }
        for region in (HOME, RECOVERY):
            self.states[region].create_state_machine(
                name="failover-plan-t",
                definition='{"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}',
                roleArn="arn:aws:iam::123456789012:role/plan",
            )
        self.cloudwatch = {
            region: make("cloudwatch", region_name=region) for region in (HOME, RECOVERY)
        }
        self.alarms_tell = dict.fromkeys((HOME, RECOVERY), OFF)
        self.lease = LeaseTable(self.dynamodb[WITNESS], "lease-t")
        self.lease.publish_region(HOME, {"api_url": health.url})
        self.health = health
        self.keeper_lives = True
        self.exit_code = 0
        self.cycles_until_replicated = 2
        self.watermark_moves = True
        self.tasks: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.at_call: Callable[[int], None] = lambda _number: None

    @property
    def migrated(self) -> bool:
        """Whether a task ended well."""
        return any(one["lastStatus"] == "STOPPED" for one in self.tasks) and self.exit_code == 0

    def seen(self, name: str) -> None:
        """A call goes out."""
        self.calls.append(name)
        self.at_call(len(self.calls))

    def client(self, service: str, region: str, _timeout: float = 2.0) -> Any:
        """What `lifeline.cli.places` makes its clients with."""
        if service == "lambda":
            return Functions(self, region)
        if service == "ecs":
            return Ecs(self, region)
        if service == "cloudformation":
            return CloudFormation(self, region)
        if service == "cloudwatch":
            return Counted(self, self.cloudwatch[region])
        real = self.states[region] if service == "stepfunctions" else self.dynamodb[region]
        return Counted(self, real)

    def renew(self) -> None:
        """What the home keeper does every 5 s."""
        lease = self.lease.read()
        if lease is not None and self.keeper_lives:
            self.lease.renew(region=HOME, epoch=lease.epoch, health="serving")

    def answer(self, _request: Request) -> Answer:
        """`/health` of the home region: it serves one renewal after its lease is there."""
        lease = self.lease.read()
        serving_now = lease is not None and lease.renewals > 1
        epoch = 0 if lease is None else lease.epoch
        body = {"region": HOME, "serving": serving_now, "epoch": epoch if serving_now else 0}
        return (200 if self.migrated else 503), body


class Counted:
    """A client of moto's whose calls are counted."""

    def __init__(self, environment: Environment, real: Any) -> None:
        self._environment, self._real = environment, real

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)

        def counted(**given: Any) -> Any:
            self._environment.seen(name)
            return call(**given)

        return counted


class Functions:
    """A region's Lambda: `report` once the migrations are there, `watermark`."""

    def __init__(self, environment: Environment, region: str) -> None:
        self._environment, self._region = environment, region

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        environment, step = self._environment, json.loads(Payload)["step"]
        assert FunctionName == "failover-step-t"
        environment.seen(f"invoke {step}")
        if step == "watermark":
            environment.renew()
            sequence = len(environment.calls) if environment.watermark_moves else 7
            return self._answers({"ca-central-1 1 shard-0 safe in ca-west-1": str(sequence)})
        behind = self._region == RECOVERY and environment.cycles_until_replicated > 0
        environment.cycles_until_replicated -= self._region == RECOVERY
        if not environment.migrated or behind:
            said = b'{"errorMessage": "relation \\"authority\\" does not exist"}'
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(said)}
        return self._answers({"epoch": 0, "holder": "", "in_recovery": self._region == RECOVERY})

    @staticmethod
    def _answers(detail: dict[str, Any]) -> dict[str, Any]:
        body = {"outcome": "done", "detail": json.dumps(detail)}
        return {"Payload": io.BytesIO(json.dumps(body).encode())}


class Ecs:
    """The home region's ECS: a task runs while it is looked at once, then it is stopped."""

    def __init__(self, environment: Environment, region: str) -> None:
        assert region == HOME, "the replica gets its schema by replication"
        self._environment = environment

    def list_tasks(self, **given: Any) -> dict[str, Any]:
        assert given == {"cluster": "services-t", "family": "migrate-t", "desiredStatus": "RUNNING"}
        self._environment.seen("list_tasks")
        running = [one for one in self._environment.tasks if one["lastStatus"] != "STOPPED"]
        return {"taskArns": [one["taskArn"] for one in running]}

    def describe_services(self, **given: Any) -> dict[str, Any]:
        assert given == {"cluster": "services-t", "services": ["event-applier-t"]}
        self._environment.seen("describe_services")
        return {"services": [{"networkConfiguration": NETWORK}]}

    def run_task(self, **given: Any) -> dict[str, Any]:
        assert given["networkConfiguration"] == NETWORK
        assert (given["cluster"], given["taskDefinition"]) == ("services-t", "migrate-t")
        tasks = self._environment.tasks
        tasks.append({"taskArn": f"task/{len(tasks)}", "lastStatus": "PENDING"})
        self._environment.seen("run_task")
        return {"tasks": [tasks[-1]], "failures": []}

    def describe_tasks(self, **given: Any) -> dict[str, Any]:
        self._environment.seen("describe_tasks")
        (task,) = [one for one in self._environment.tasks if [one["taskArn"]] == given["tasks"]]
        told = {**task, "containers": [{"exitCode": self._environment.exit_code}]}
        task["lastStatus"] = "STOPPED"
        return {"tasks": [{**told, "stoppedReason": "Essential container in task exited"}]}


class CloudFormation:
    """A region's stack of alarms."""

    def __init__(self, environment: Environment, region: str) -> None:
        self._environment, self._region = environment, region

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        self._environment.seen("describe_stacks")
        assert (
            StackName
            == {HOME: "observability-cac1-t", RECOVERY: "observability-caw1-t"}[self._region]
        )
        said = self._environment.alarms_tell[self._region]
        parameters = [{"ParameterKey": PARAMETER, "ParameterValue": said}]
        return {
            "Stacks": [
                {"StackName": StackName, "StackStatus": "UPDATE_COMPLETE", "Parameters": parameters}
            ]
        }

    def update_stack(self, **_given: Any) -> None:
        self._environment.alarms_tell[self._region] = ON
        self._environment.seen("update_stack")

    def get_paginator(self, _operation: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{"StackResourceSummaries": []}])


class Keeper(ManualClock):
    """A clock on which a keeper renews whenever somebody waits."""

    environment: Environment

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.environment.renew()


@pytest.fixture(name="environment")
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    aws.client.cache_clear()
    made: list[Environment] = []
    with mock_aws(), http_server(lambda request: made[0].answer(request)) as health:
        made.append(Environment(health))
        monkeypatch.setattr(cli_places, "client", made[0].client)
        yield made[0]


def run(environment: Environment, *, wait_seconds: float = 600.0) -> ManualClock:
    """One `lifeline activate`, on a virtual clock."""
    clock = Keeper()
    clock.environment = environment
    there = Places("t", HOME, RECOVERY, WITNESS)
    Activation(there, clock, Output(), wait_seconds=wait_seconds).run()
    return clock


def test_a_deployed_environment_serves_at_epoch_1(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    run(environment)
    said = capsys.readouterr()
    assert f"{HOME} is active at epoch 1" in said.out
    assert "recovery" not in said.out
    assert "relation" in said.err, "what it waits for is said: the replica has no row yet"
    lease = environment.lease.read()
    assert lease is not None
    assert (lease.holder, lease.epoch, lease.writer) == (HOME, 1, HOME)
    assert len(environment.tasks) == 1


def test_run_twice_it_says_so_and_changes_nothing(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    run(environment)
    del environment.calls[:]
    run(environment)
    assert f"the lease exists, {HOME} at epoch 1" in capsys.readouterr().out
    assert {"run_task", "put_item"} & set(environment.calls) == set()
    assert len(environment.tasks) == 1


@pytest.mark.parametrize("number", range(1, 41))
def test_interrupted_anywhere_it_goes_on_and_ends_the_same(
    environment: Environment, number: int
) -> None:
    """At each call in turn, of about thirty: one lease at epoch 1, and it serves."""

    def interrupt(at: int) -> None:
        if at == number:
            raise KeyboardInterrupt

    environment.at_call = interrupt
    # Of the one write the command says that it does not know whether it landed (A4).
    with suppress(KeyboardInterrupt, WriteUnknown):
        run(environment)
        assert len(environment.calls) < number, "an interrupt ends the command"
    environment.at_call = lambda _number: None
    run(environment)
    lease = environment.lease.read()
    assert lease is not None
    assert (lease.holder, lease.epoch) == (HOME, 1)
    assert len(environment.tasks) <= 2
    assert set(environment.alarms_tell.values()) == {ON}


@pytest.mark.parametrize("landed", [True, False])
def test_a_lease_whose_answer_was_lost_is_looked_for(
    environment: Environment, landed: bool
) -> None:
    """take-reply-lost, for the first lease: one lease, never a second epoch (A4, A10)."""
    lost = ReadTimeoutError(endpoint_url="https://dynamodb")

    def lose(_number: int) -> None:
        if environment.calls[-1] == "put_item" and environment.calls.count("put_item") == 1:
            if landed:
                environment.lease.create(Lease(holder=HOME, epoch=1, renewals=0, writer=HOME))
            raise lost

    environment.at_call = lose
    run(environment)
    lease = environment.lease.read()
    assert lease is not None
    assert lease.epoch == 1
    assert environment.calls.count("put_item") == (1 if landed else 2)


def test_failed_migrations_are_said_with_the_log_and_no_lease_is_made(
    environment: Environment,
) -> None:
    environment.exit_code = 1
    with pytest.raises(Refused, match=r"exit code 1.*aws logs tail.*/lifeline/services-t.*again"):
        run(environment)
    assert environment.lease.read() is None
    assert set(environment.alarms_tell.values()) == {OFF}, "quiet until it serves"


def test_a_migration_that_runs_is_followed(environment: Environment) -> None:
    environment.tasks.append({"taskArn": "task/other", "lastStatus": "RUNNING"})
    run(environment)
    assert "run_task" not in environment.calls


def test_a_keeper_that_does_not_run_is_named_when_the_time_is_up(environment: Environment) -> None:
    environment.keeper_lives = False
    with pytest.raises(Refused) as refused:
        run(environment, wait_seconds=60)
    for words in ("within 60 s", "has not renewed", "authority show --suffix t", "goes on where"):
        assert words in str(refused.value)


def test_a_watermark_that_stands_still_is_not_active(environment: Environment) -> None:
    environment.watermark_moves = False
    with pytest.raises(Refused, match="The watermark: not within 60 s: 1 entries, and none has"):
        run(environment, wait_seconds=60)


def test_a_replica_at_home_is_refused_at_once(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keeper would promote it: a person names another region, or looks what happened (A10)."""
    replica = {"epoch": 0, "holder": "", "in_recovery": True}
    monkeypatch.setattr(Functions, "invoke", lambda self, **_: self._answers(replica))
    with pytest.raises(Refused, match=f"the database of {HOME} is a replica"):
        run(environment)


def test_a_refusal_of_aws_is_shown_as_it_is(environment: Environment) -> None:
    def refuse(_number: int) -> None:
        if environment.calls[-1] == "run_task":
            error = {"Error": {"Code": "AccessDeniedException", "Message": "not iam:PassRole"}}
            raise ClientError(error, "RunTask")  # type: ignore[arg-type]

    environment.at_call = refuse
    with pytest.raises(Failure, match=r"were not started in ca-central-1.*not iam:PassRole"):
        run(environment)


def test_a_dry_run_names_what_is_missing_and_writes_nothing(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["activate", "--suffix", "t", "--dry-run"]) == 0
    assert "Would run the migrations in ca-central-1, create the lease" in capsys.readouterr().out
    assert environment.lease.read() is None
    assert environment.tasks == []
    run(environment)
    capsys.readouterr()
    assert main(["activate", "--suffix", "t", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["dry_run"], said["holder"], said["epoch"]) == (True, HOME, 1)


def test_an_environment_that_is_not_deployed_is_a_sentence(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.dynamodb[WITNESS].delete_table(TableName="lease-t")
    assert main(["activate", "--suffix", "t"]) == 1
    assert "The lease in lease-t (us-east-2) cannot be read" in capsys.readouterr().err


def test_migrate_goes_where_the_writer_is(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failover the writer is not at home, and a replica has nothing to migrate."""
    environment.lease.create(Lease(holder=RECOVERY, epoch=2, renewals=9, writer=RECOVERY))
    asked: list[str] = []

    def client(service: str, region: str, timeout: float = 2.0) -> Any:
        if service == "ecs":
            asked.append(region)
            return Ecs(environment, HOME)
        return environment.client(service, region, timeout)

    monkeypatch.setattr(cli_places, "client", client)
    there = Places("t", HOME, RECOVERY, WITNESS)
    Activation(there, ManualClock(), Output(), wait_seconds=60).migrate()
    assert set(asked) == {RECOVERY}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, False),
        ({"a": 1}, {"a": 1}, False),
        ({"a": 1}, {"a": 2}, True),
        ({"a": 1}, {"a": 1, "b": 0}, True),
        ({"a": 2, "b": 1}, {"a": 2}, False),
    ],
)
def test_a_watermark_moves_when_an_entry_grows(
    before: dict[str, int], after: dict[str, int], expected: bool
) -> None:
    assert serving.moved(before, after) is expected
