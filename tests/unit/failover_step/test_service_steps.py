"""What serves: capacity is only raised, the API and the synthetic event are asked for as callers do (D2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.contracts.failover_step import ApiClient
from lifeline.lambdas.failover_step import api_token, service_steps
from lifeline.lambdas.failover_step.context import NotReady, StepContext
from lifeline.lambdas.failover_step.service_steps import (
    USER_AGENT,
    holes,
    open_api,
    read_event,
    resume_processing,
    shift_traffic,
    verify,
    watermark,
)
from lifeline.lambdas.failover_step.waiting import POLL_BUDGET_SECONDS
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.validation import Accepted, judge
from tests.support.clocks import ManualClock
from tests.support.http_server import Answer, Request, closed_port, http_server
from tests.support.step_runs import EPOCH, OWN, STATE_TABLE, step_run
from tests.support.tables import made_table
from tests.support.token_server import CLIENT, TokenServer
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]

STARTED = "2026-11-21T11:59:59.123Z"
STARTED_EXACTLY = "2026-11-21T11:59:59.123000Z"


@pytest.fixture
def mocked(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


def healthy(**changes: Any) -> Answer:
    body = {"serving": True, "epoch": EPOCH} | changes
    return body.pop("status", 200), body


class Heartbeats:
    """The region's server: the epochs of its event appliers' newest heartbeats, one a look."""

    def __init__(self, *epochs: int | None) -> None:
        self.epochs = list(epochs)

    def heartbeat_epoch(self, region: str, within_seconds: float) -> int | None:
        assert (region, within_seconds) == (OWN, 5.0)
        if len(self.epochs) > 1:
            return self.epochs.pop(0)
        return self.epochs[0]


@pytest.mark.parametrize("newest", [EPOCH, EPOCH + 1])
def test_processing_is_resumed_when_an_event_applier_applies_at_this_epoch(newest: int) -> None:
    run = step_run()
    run.__dict__["database"] = Heartbeats(None, EPOCH - 1, newest)
    assert resume_processing(run) == f"event appliers apply at epoch {EPOCH}"
    assert run.clock.slept == [0.5, 0.5]  # type: ignore[attr-defined]


@pytest.mark.parametrize("newest", [None, EPOCH - 1])
def test_without_a_heartbeat_at_this_epoch_it_is_waited_for(newest: int | None) -> None:
    """Heartbeats, not task states, are proof."""
    run = step_run()
    run.__dict__["database"] = Heartbeats(newest)
    with pytest.raises(NotReady, match=f"^the newest heartbeat is of epoch {newest}$"):
        resume_processing(run)
    assert sum(run.clock.slept) == POLL_BUDGET_SECONDS  # type: ignore[attr-defined]


@pytest.mark.parametrize("step", [resume_processing, verify])
def test_where_services_rest_their_tasks_are_raised_first(
    monkeypatch: pytest.MonkeyPatch, step: Callable[[StepContext], str]
) -> None:
    """A `rest` that was late must not leave the active region without tasks."""
    order: list[str] = []
    monkeypatch.setattr(service_steps, "raise_again", lambda _context: order.append("raised"))
    run = step_run()
    run.__dict__["database"] = Heartbeats(EPOCH)
    monkeypatch.setattr(service_steps, "_post", lambda *_: order.append("posted"))
    with suppress(AttributeError):
        step(run)
    assert order[0] == "raised"


def test_the_api_is_open_when_it_serves_at_this_epoch() -> None:
    with http_server(lambda _request: healthy()) as api:
        assert open_api(step_run(own_api_url=api.url)) == "the regional API serves"
        assert [(one.method, one.path) for one in api.seen] == [("GET", "/health")]


@pytest.mark.parametrize(
    "answer",
    [
        healthy(status=503),
        healthy(serving=False),
        healthy(epoch=EPOCH - 1),
        healthy(epoch=None),
        (200, {}),
    ],
)
def test_the_api_is_not_open_by_any_other_answer(answer: Answer) -> None:
    clock = ManualClock()
    with http_server(lambda _request: answer) as api:
        with pytest.raises(NotReady, match="/health answered"):
            open_api(step_run(own_api_url=api.url, clock=clock))
        assert len(api.seen) > 1, "it is waited for"
    assert POLL_BUDGET_SECONDS <= sum(clock.slept) < POLL_BUDGET_SECONDS + 1


def test_the_api_is_waited_for() -> None:
    coming = [healthy(status=503), healthy(epoch=EPOCH - 1), healthy(epoch=EPOCH + 1)]
    with http_server(lambda _request: coming.pop(0)) as api:
        assert open_api(step_run(own_api_url=api.url)) == "the regional API serves"
    assert coming == []


def test_an_api_that_cannot_be_reached_is_waited_for() -> None:
    with pytest.raises(NotReady, match="cannot tell yet"):
        open_api(step_run(own_api_url=f"http://127.0.0.1:{closed_port()}"))


class Api:
    """The region's protected API: what was posted is there to be read after `delay` looks."""

    def __init__(self, tokens: TokenServer, delay: int = 0) -> None:
        self.tokens = tokens
        self.delay = delay
        self.posted: list[bytes] = []
        self.post_status = 202

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer token-{self.tokens.given}":
            return 401, {}
        if request.method == "POST" and request.path == "/v1/events":
            self.posted.append(request.body)
            return self.post_status, {}
        known = [event["eventId"] for body in self.posted for event in json.loads(body)["events"]]
        if request.path not in [f"/v1/events/{event_id}" for event_id in known]:
            return 404, {}
        self.delay -= 1
        return (404, {}) if self.delay >= 0 else (200, {})


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch, credentials: None) -> Iterator[TokenServer]:
    made = TokenServer()
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    monkeypatch.setenv("TOKEN_URL", made.token_url)
    monkeypatch.setenv("TOKEN_CLIENT_ID", CLIENT)
    monkeypatch.setenv("USER_POOL_ID", "pool-1")
    aws.client.cache_clear()
    api_token.forget(OWN)
    yield made
    api_token.forget(OWN)
    made.close()


def verifying(url: str, started: str = STARTED) -> StepContext:
    return step_run(
        own_api_url=url,
        api_client=ApiClient.from_env(),
        event={"execution_started_at": started},
    )


def events(api: Api) -> list[dict[str, Any]]:
    return [event for body in api.posted for event in json.loads(body)["events"]]


def test_an_event_goes_in_by_the_api_and_comes_back_from_the_database(tokens: TokenServer) -> None:
    api = Api(tokens, delay=2)
    with http_server(api.answer) as at:
        assert verify(verifying(at.url)) == "the synthetic event came back from the database"
        asked = [one.method for one in at.seen]
        agents = {one.headers.get("User-Agent") for one in at.seen}
    assert asked == ["POST", "GET", "GET", "GET"]
    assert agents == {USER_AGENT}, "the web ACL blocks a request that names none"


def test_the_event_passes_the_bridges_own_judgement(tokens: TokenServer) -> None:
    """Or it would lie in error.dlq, and the region would never be found to work."""
    api = Api(tokens)
    with http_server(api.answer) as at:
        verify(verifying(at.url))
    [event] = events(api)
    assert event["aggregateId"] == f"synthetic-recovery-{OWN}"
    assert event["payload"]["subject"] == {"reference": f"Patient/synthetic-recovery-{OWN}"}
    assert event["occurredOn"] == event["payload"]["effectiveDateTime"] == STARTED_EXACTLY
    assert event["metadata"] == {
        **dict.fromkeys(("correlationId", "causationId", "traceId"), event["eventId"]),
        "userId": "lifeline-recovery",
    }
    arrived = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    found = judge(json.dumps(event).encode(), arrived, load_schemas(schemas_folder()))
    assert isinstance(found, Accepted), found
    assert event["sequence"] == EPOCH


def test_a_repetition_sends_the_same_event_again_and_another_run_another(
    tokens: TokenServer,
) -> None:
    api = Api(tokens)
    with http_server(api.answer) as at:
        verify(verifying(at.url))
        verify(verifying(at.url))
        verify(verifying(at.url, started="2026-11-21T13:00:00Z"))
    first, again, other = events(api)
    assert first == again
    assert other["eventId"] != first["eventId"]


@pytest.mark.parametrize(
    ("started", "occurred"),
    [
        ("2026-11-21T08:59:59.123-03:00", STARTED_EXACTLY),
        ("", "2023-11-14T22:30:00.000000Z"),
        ("soon", "2023-11-14T22:30:00.000000Z"),
    ],
)
def test_the_events_time_is_the_executions_start_in_utc(
    tokens: TokenServer, started: str, occurred: str
) -> None:
    """C2: the same for every repetition; of an execution without a start, the step's own clock's."""
    api = Api(tokens)
    with http_server(api.answer) as at:
        verify(verifying(at.url, started=started))
    assert [event["occurredOn"] for event in events(api)] == [occurred]


def test_another_environment_region_or_epoch_sends_another_event(tokens: TokenServer) -> None:
    api = Api(tokens)
    with http_server(api.answer) as at:
        run = verifying(at.url)
        for other in (
            run,
            replace(run, settings=replace(run.settings, suffix="other")),
            replace(run, event={**run.event, "epoch": EPOCH + 1}),
        ):
            verify(other)
    assert len({event["eventId"] for event in events(api)}) == 3


def test_an_event_that_is_read_is_asked_for_by_its_id(tokens: TokenServer) -> None:
    with http_server(lambda _request: (404, {})) as at:
        assert read_event(verifying(at.url), "event-7") == 404
        assert [one.path for one in at.seen] == ["/v1/events/event-7"]
        assert at.seen[0].headers["Content-Type"] == "application/json"


def test_a_token_that_is_not_taken_any_more_is_replaced(tokens: TokenServer) -> None:
    """401 at the event: the repetition signs in anew. The step is repeated by the state machine."""
    api = Api(tokens)
    with http_server(api.answer) as at:
        verify(verifying(at.url))
        tokens.given += 1  # the pool gave somebody a newer one: ours is refused from now on
        with pytest.raises(NotReady, match="POST /v1/events answered 401"):
            verify(verifying(at.url))
        assert verify(verifying(at.url)) == "the synthetic event came back from the database"
    assert tokens.token_calls == 2


def test_a_token_is_as_old_as_the_steps_own_clock_says(tokens: TokenServer) -> None:
    tokens.lasts_seconds = 100
    api = Api(tokens)
    with http_server(api.answer) as at:
        run = verifying(at.url)
        verify(run)
        run.clock.sleep(50.0)
        verify(run)
    assert tokens.token_calls == 2


def test_a_token_that_ends_while_the_event_is_looked_for_is_replaced(tokens: TokenServer) -> None:
    api = Api(tokens)

    def answer(request: Request) -> Answer:
        said = api.answer(request)
        if request.method == "POST":
            tokens.given += 1
        return said

    with http_server(answer) as at:
        assert verify(verifying(at.url)) == "the synthetic event came back from the database"
        assert [one.method for one in at.seen] == ["POST", "GET", "GET"]


@pytest.mark.parametrize("status", [200, 207, 403, 503])
def test_only_202_is_accepted(tokens: TokenServer, status: int) -> None:
    """207 names a record that was not taken (B3)."""
    api = Api(tokens)
    api.post_status = status
    with (
        http_server(api.answer) as at,
        pytest.raises(NotReady, match=f"POST /v1/events answered {status}"),
    ):
        verify(verifying(at.url))


def test_an_event_that_does_not_come_back_is_not_verified(tokens: TokenServer) -> None:
    api = Api(tokens, delay=1_000)
    with http_server(api.answer) as at, pytest.raises(NotReady, match="GET /v1/events answered"):
        verify(verifying(at.url))


def test_traffic_is_switched_on_once_and_never_to_an_older_epoch(mocked: None) -> None:
    table = RegionStateTable(made_table(OWN, STATE_TABLE), STATE_TABLE)
    assert shift_traffic(step_run()) == f"switched on at epoch {EPOCH}"
    assert shift_traffic(step_run()) == "switched on already"
    assert shift_traffic(step_run(event={"epoch": EPOCH - 1})) == "switched on already"
    assert table.traffic_epoch() == EPOCH
    assert shift_traffic(step_run(event={"epoch": EPOCH + 1})).startswith("switched on at")
    assert table.traffic_epoch() == EPOCH + 1


def test_the_watermark_is_read_as_a_caller_reads_it(tokens: TokenServer) -> None:
    """For `lifeline activate`: with a token, over the public path; a sequence is larger than a double."""
    row = {
        "region": OWN,
        "incarnation": "i1",
        "shard": "shard-0",
        "sequence": 49590338271490256608559692538361571095921575989136588898,
        "born_ms": 1,
        "safe_in": "us-east-1",
    }

    def answer(request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer token-{tokens.given}":
            return 401, {}
        assert request.path == "/v1/watermark"
        return 200, {"format": 2, "entries": [row]}

    with http_server(answer) as at:
        said = json.loads(watermark(verifying(at.url)))
    assert said == {f"{OWN} i1 shard-0 safe in us-east-1": str(row["sequence"])}


@pytest.mark.parametrize("step", [watermark, holes])
def test_a_watermark_that_cannot_be_read_is_not_an_empty_one(
    tokens: TokenServer, step: Callable[[StepContext], str]
) -> None:
    with (
        http_server(lambda _request: (503, {})) as at,
        pytest.raises(NotReady, match="answered 503"),
    ):
        step(verifying(at.url))


def test_the_holes_come_with_what_this_region_proves_itself(tokens: TokenServer) -> None:
    """For `lifeline log repair`: a reader that names no hole and proves nothing has closed none (B11)."""
    rows = [
        {"region": "us-east-1", "shard": "shard-0", "sequence": "7", "safe_in": OWN},
        {"region": OWN, "shard": "shard-0", "sequence": "9", "safe_in": "us-east-1"},
    ]
    hole = {"region": "us-east-1", "shard": "shard-0", "after": "5", "until": "6"}
    told: dict[str, Any] = {"format": 2, "entries": rows, "holes": [hole]}
    with http_server(lambda _request: (200, told)) as at:
        found = json.loads(holes(verifying(at.url)))
        told["given_up"] = [hole]
        del told["holes"]
        again = json.loads(holes(verifying(at.url)))
    assert found == {"holes": [hole], "given_up": [], "entries": rows[:1]}
    assert again == {"holes": [], "given_up": [hole], "entries": rows[:1]}
