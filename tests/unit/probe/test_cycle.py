"""One probe cycle against real HTTP servers and a table: what is asked, judged and kept (A7, A12)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.region_state_table import ProbeResults
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.serving_seen import RegionAnswer
from lifeline.lambdas.probe import cycle
from lifeline.lambdas.probe.cycle import Probed, answers, ask_region, probe_once
from tests.support.http_server import Answer, Request, closed_port, http_server, silent_port
from tests.support.tables import made_table

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
NOW = 1_700_000_002.5
NEXT_CYCLE = NOW + Policy().probe_cycle_seconds


@pytest.fixture(name="client")
def _client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws.client.cache_clear()
    with mock_aws():
        yield made_table(WITNESS, "probes")
    aws.client.cache_clear()


@pytest.fixture(name="results")
def _results(client: Any) -> ProbeResults:
    return ProbeResults(client, "probes")


def probed(
    results: ProbeResults, targets: dict[str, str], control_url: str, now: float = NOW
) -> dict[str, Health]:
    seen = looked(results, targets, control_url, now)
    return {} if seen is None else dict(seen.health)


def looked(
    results: ProbeResults, targets: dict[str, str], control_url: str, now: float = NOW
) -> Probed | None:
    return probe_once(
        targets=targets,
        control_url=control_url,
        results=results,
        policy=Policy(),
        now=now,
        log=lambda _message, **_extra: None,
    )


def saying(statuses: dict[str, int]) -> Any:
    """An answer by the first part of the path; other paths are not there."""

    def answer(request: Request) -> Answer:
        return statuses.get(request.path, 404), {}

    return answer


def refused() -> str:
    return f"http://127.0.0.1:{closed_port()}"


def test_each_region_is_judged_by_its_health_and_kept(results: ProbeResults) -> None:
    with http_server(saying({"/home/health": 200, "/recovery/health": 503, "/control": 200})) as at:
        targets = {HOME: f"{at.url}/home", RECOVERY: f"{at.url}/recovery"}
        seen = probed(results, targets, f"{at.url}/control")
        asked = sorted(request.path for request in at.seen)
    assert seen == {HOME: Health.HEALTHY, RECOVERY: Health.UNHEALTHY}
    assert asked == ["/control", "/home/health", "/recovery/health"]
    assert results.samples(HOME) == [Sample(NOW, Health.HEALTHY)]
    assert results.samples(RECOVERY) == [Sample(NOW, Health.UNHEALTHY)]


@pytest.mark.parametrize("status", [201, 204, 404, 429, 500])
def test_only_200_is_healthy(results: ProbeResults, status: int) -> None:
    with http_server(saying({"/health": status, "/control": 200})) as at:
        assert probed(results, {HOME: at.url}, f"{at.url}/control") == {HOME: Health.UNHEALTHY}


def test_a_region_that_refuses_connections_is_unhealthy(results: ProbeResults) -> None:
    with http_server(saying({"/control": 200})) as at:
        assert probed(results, {HOME: refused()}, f"{at.url}/control") == {HOME: Health.UNHEALTHY}


@pytest.mark.parametrize("health", [200, 503])
@pytest.mark.parametrize("control", ["refused", "500"])
def test_without_its_control_the_observer_knows_nothing(
    results: ProbeResults, health: int, control: str
) -> None:
    with http_server(saying({"/health": health, "/control": 500})) as at:
        control_url = refused() if control == "refused" else f"{at.url}/control"
        assert probed(results, {HOME: at.url}, control_url) == {HOME: Health.UNKNOWN}
    assert results.samples(HOME) == [Sample(NOW, Health.UNKNOWN)]


@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_a_control_that_refuses_in_words_shows_that_the_network_works(
    results: ProbeResults, status: int
) -> None:
    with http_server(saying({"/health": 200, "/control": status})) as at:
        assert probed(results, {HOME: at.url}, f"{at.url}/control") == {HOME: Health.HEALTHY}


def test_targets_and_control_are_asked_at_the_same_time(results: ProbeResults) -> None:
    """Each answer waits until all three requests are there: one after the other none would be good."""
    together = threading.Barrier(3)

    def answer(_request: Request) -> Answer:
        try:
            together.wait(1.0)
        except threading.BrokenBarrierError:
            return 503, {}
        return 200, {}

    with http_server(answer) as at:
        targets = {HOME: f"{at.url}/home", RECOVERY: f"{at.url}/recovery"}
        seen = probed(results, targets, f"{at.url}/control")
    assert seen == {HOME: Health.HEALTHY, RECOVERY: Health.HEALTHY}


def test_a_cycle_that_another_run_claimed_is_left_to_it(client: Any, results: ProbeResults) -> None:
    """Overlapping runs keep one sample a cycle (A7): one observer's moment must not count twice."""
    with http_server(saying({"/health": 200, "/control": 200})) as at:
        targets = {HOME: at.url, RECOVERY: at.url}
        another = ProbeResults(client, "probes")
        assert another.claim_cycle(HOME, int(NOW // Policy().probe_cycle_seconds))
        assert probed(results, targets, f"{at.url}/control") == {RECOVERY: Health.HEALTHY}
        asked = len(at.seen)
        for run in (results, another, ProbeResults(client, "probes")):
            assert probed(run, targets, f"{at.url}/control", NOW + 0.1) == {}
        assert len(at.seen) == asked, "an unclaimed cycle asks nobody"
        assert results.samples(HOME) == []
        assert len(results.samples(RECOVERY)) == 1
        assert set(probed(results, targets, f"{at.url}/control", NEXT_CYCLE)) == set(targets)


class Table:
    """Counts the claims; the first is answered by nobody."""

    def __init__(self, client: Any) -> None:
        self._client, self.asked = client, 0

    def update_item(self, **request: Any) -> Any:
        self.asked += 1
        if self.asked == 1:
            raise TimeoutError
        return self._client.update_item(**request)


def test_a_run_asks_for_a_cycle_until_it_has_an_answer(client: Any) -> None:
    """A run looks twice a cycle: what was claimed once, by whomever, need not be asked again."""
    table = Table(client)
    results = ProbeResults(table, "probes")
    with pytest.raises(TimeoutError):
        results.claim_cycle(HOME, 7)
    assert [results.claim_cycle(HOME, 7) for _ in range(3)] == [True, False, False]
    assert table.asked == 2
    assert not results.claim_cycle(HOME, 6), "its clock was set back"
    assert results.claim_cycle(RECOVERY, 7)
    assert results.claim_cycle(HOME, 8)


def test_a_region_nobody_told_of_is_unknown_and_hides_no_other(results: ProbeResults) -> None:
    with http_server(saying({"/health": 200, "/control": 200})) as at:
        seen = probed(results, {HOME: "", RECOVERY: at.url}, f"{at.url}/control")
        asked = sorted(request.path for request in at.seen)
    assert seen == {HOME: Health.UNKNOWN, RECOVERY: Health.HEALTHY}
    assert asked == ["/control", "/health"]
    assert results.samples(HOME) == [Sample(NOW, Health.UNKNOWN)]


def test_the_window_of_samples_is_all_that_is_kept(results: ProbeResults) -> None:
    policy = Policy()
    times = [NOW + policy.probe_cycle_seconds * n for n in range(policy.probes_window + 2)]
    for now in times:
        probed(results, {HOME: ""}, refused(), now)
    kept = [sample.at for sample in results.samples(HOME)]
    assert kept == times[-policy.probes_window :]


def test_a_host_that_hangs_did_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle, "PROBE_TIMEOUT_SECONDS", 0.2)
    with silent_port() as port:
        assert not answers(f"http://127.0.0.1:{port}/health")
        assert ask_region(f"http://127.0.0.1:{port}/health") == RegionAnswer()


SERVES = (200, {"database": True, "serving": True, "epoch": 2})
STANDS_BY = (200, {"database": True, "serving": False, "epoch": 2})
STOPPED = (503, {"database": True, "serving": False, "epoch": 1})
NEW = (200, {"database": True, "serving": False, "epoch": 0})
NO_DATABASE = (503, {"database": False, "serving": False, "epoch": 0})
NOT_OURS: Answer = (502, {})


@pytest.mark.parametrize(
    ("home", "recovery", "seen"),
    [
        (SERVES, STANDS_BY, True),
        (STOPPED, SERVES, True),
        (None, SERVES, True),
        (None, None, False),
        (None, STANDS_BY, False),
        (STOPPED, STANDS_BY, False),
        (NO_DATABASE, NO_DATABASE, False),
        (NOT_OURS, NOT_OURS, False),
        (NEW, NEW, None),
        (NEW, None, None),
    ],
)
def test_whether_anybody_serves(
    results: ProbeResults, home: Answer | None, recovery: Answer | None, seen: bool | None
) -> None:
    """A22. `None`: the region refuses connections. Before the first activation there is no opinion."""

    def answer(request: Request) -> Answer:
        found = {"/home/health": home, "/recovery/health": recovery, "/control": (200, {})}
        return found[request.path] or (404, {})

    with http_server(answer) as at:
        targets = {
            HOME: refused() if home is None else f"{at.url}/home",
            RECOVERY: refused() if recovery is None else f"{at.url}/recovery",
        }
        look = looked(results, targets, f"{at.url}/control")
    assert look is not None
    assert look.serving is seen


@pytest.mark.parametrize(
    ("targets", "control"), [((HOME,), "refused"), ((HOME, RECOVERY), "answers")]
)
def test_an_observer_that_does_not_see_every_region_does_not_say_that_nobody_serves(
    results: ProbeResults, targets: tuple[str, ...], control: str
) -> None:
    """Its own network is broken, or nobody told it where a region is."""
    with http_server(saying({"/control": 200})) as at:
        there = {one: refused() if one == HOME else "" for one in targets}
        look = looked(results, there, refused() if control == "refused" else f"{at.url}/control")
    assert look is not None
    assert look.serving is None
