"""`lifeline log repair`: what it asks the bridge for, what it waits for, and what it says (B11)."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from lifeline.cli import log_commands
from lifeline.cli import places as cli_places
from lifeline.cli.__main__ import main
from lifeline.lambdas.failover import clock as clocks
from tests.support.clocks import ManualClock

HOME, RECOVERY = "ca-central-1", "ca-west-1"
TOPIC, SHARD = "clinical.observation.recorded", "shardId-000000000000"
HOLE = {
    "region": HOME, "incarnation": "17", "shard": SHARD, "topic": TOPIC, "partition": 3, "after": "10",
    "until": "20", "born_ms": 5_000, "why": "missing",
}  # fmt: skip
ENTRY = {"region": HOME, "incarnation": "17", "shard": SHARD, "sequence": "30", "safe_in": RECOVERY}


class Environment:
    """Both regions' functions. The bridge has the answers of `log` and `stream`; each call takes the next."""

    def __init__(self) -> None:
        self.holes: dict[str, list[dict[str, Any]]] = {HOME: [], RECOVERY: [HOLE]}
        self.entries: dict[str, list[dict[str, Any]]] = {HOME: [], RECOVERY: [ENTRY]}
        self.answers: dict[str, list[dict[str, Any]]] = {"log": [], "stream": []}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.closes = True
        self.shown_next: list[dict[str, Any]] = []
        self.fails = 0

    def client(self, _service: str, region: str, _timeout: float = 2.0) -> Any:
        return Functions(self, region)

    def copied(self) -> list[str]:
        return [request["source"] for _, request in self.asked if not request["dry_run"]]


class Functions:
    """The functions of one region."""

    def __init__(self, environment: Environment, region: str) -> None:
        self._there, self._region = environment, region

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        there, body = self._there, json.loads(Payload)
        if FunctionName == "failover-step-t":
            assert body == {"step": "holes", "region": self._region}
            told = {"holes": there.holes[self._region], "entries": there.entries[self._region]}
            return _payload({"outcome": "done", "detail": json.dumps(told)})
        assert FunctionName == "stream-bridge-t"
        if there.fails:
            there.fails -= 1
            return {**_payload({"errorMessage": "no broker"}), "FunctionError": "Unhandled"}
        request = body["repair"]
        there.asked.append((self._region, request))
        if there.closes and not request["dry_run"]:
            there.holes[RECOVERY] = there.shown_next
        return _payload(there.answers[request["source"]].pop(0))


def _payload(body: dict[str, Any]) -> dict[str, Any]:
    return {"Payload": io.BytesIO(json.dumps(body).encode())}


def slice_(records: int = 0, **more: Any) -> dict[str, Any]:
    return {"records": records, "markers": 1, "left": [], "gaps": []} | more


GAP = {key: value for key, value in HOLE.items() if key != "why"} | {"expected": 5, "found": 2}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Environment:
    made = Environment()
    monkeypatch.setattr(cli_places, "client", made.client)
    monkeypatch.setattr(clocks, "SYSTEM_CLOCK", ManualClock())
    return made


def run(*more: str) -> int:
    return main(["log", "repair", "--suffix", "t", *more])


def test_nothing_is_asked_of_the_bridge_where_no_hole_is_named(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    there.holes[RECOVERY] = []
    assert run() == 0
    assert there.asked == []
    assert "nothing to repair" in capsys.readouterr().out


def test_it_asks_the_origin_and_waits_until_the_reader_proves_it(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = {**GAP, "after": "15"}
    there.answers["log"] = [slice_(4, left=[rest]), slice_(3)]
    assert run("--json") == 0
    assert [(region, one["source"], one["stretches"]) for region, one in there.asked] == [
        (HOME, "log", [HOLE]),
        (HOME, "log", [rest]),
    ]
    assert len({one["run"] for _, one in there.asked}) == 1, "a run has one name"
    told = json.loads(capsys.readouterr().out)
    assert (told["records"], told["markers"], told["thawed"]) == (7, 2, True)


def test_holes_that_were_not_shown_are_named_once_the_first_are_closed(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/v1/watermark` shows the first fifty."""
    there.answers["log"] = [slice_(4)]
    there.shown_next = [{**HOLE, "after": "20", "until": "25"}]
    assert run() == 0
    assert "1 more holes are named by now: run the same command again" in capsys.readouterr().out


def test_what_the_log_does_not_prove_comes_from_the_stream(there: Environment) -> None:
    there.answers = {"log": [slice_(gaps=[GAP])], "stream": [slice_(5)]}
    assert run() == 0
    assert there.copied() == ["log", "stream"]
    assert there.asked[1][1]["stretches"] == [GAP]


def test_what_is_left_nowhere_is_named_and_counted(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    there.closes = False
    lost = {key: value for key, value in GAP.items() if key not in ("expected", "found")}
    there.answers = {
        "log": [slice_(gaps=[GAP]), slice_(2, gaps=[GAP])],
        "stream": [slice_(gaps=[{**lost, "expected": None, "found": 0}])],
    }
    assert run() == 1
    assert there.copied() == ["log", "stream", "log"]
    assert there.asked[-1][1]["unproven"] is True, (
        "events that no marker counts are copied all the same"
    )
    said = capsys.readouterr().err
    assert "3 records are in no log and no stream any more" in said
    assert f"{HOME}/{SHARD} in {TOPIC}/3, (10, 20]" in said
    assert "not safe" in said


def test_a_hole_that_stays_open_is_said_when_the_time_is_up(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    there.closes = False
    there.answers["log"] = [slice_(4)]
    assert run("--wait", "10") == 1
    assert "1 holes are open" in capsys.readouterr().err


def test_a_reader_that_says_nothing_yet_proves_nothing(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    """It begins anew: no hole is named, and no entry either."""
    there.entries[RECOVERY] = []
    there.answers["log"] = [slice_(4)]
    assert run("--wait", "10") == 1
    assert "says nothing of" in capsys.readouterr().err


def test_a_bridge_that_fails_is_asked_again(there: Environment) -> None:
    there.fails = 2
    there.answers["log"] = [slice_(4)]
    assert run() == 0


def test_a_dry_run_copies_nothing_and_waits_for_nothing(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    there.answers = {"log": [slice_(4, gaps=[GAP])], "stream": [slice_(3)]}
    assert run("--dry-run") == 0
    assert there.copied() == []
    assert "Would copy 7 records and 2 markers" in capsys.readouterr().out


def test_only_the_pairs_that_were_named(there: Environment) -> None:
    assert run("--pair", f"{HOME}/shardId-000000000001") == 0
    assert there.asked == []


def test_a_hole_given_by_hand(there: Environment) -> None:
    there.answers["log"] = [slice_(4)]
    given = ("--pair", f"{HOME}/{SHARD}", "--stretch", f"17/{TOPIC}/3/10/20")
    assert run(*given, "--since", "1970-01-01T00:00:05Z") == 0
    ((region, request),) = there.asked
    assert region == HOME
    assert request["stretches"] == [{key: value for key, value in HOLE.items() if key != "why"}]


def test_a_hole_that_no_copy_closes_is_refused(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    there.holes[RECOVERY] = [{**HOLE, "why": "fewer-partitions"}]
    assert run() == 1
    assert there.asked == []
    assert "deploy the larger count again" in capsys.readouterr().err


def test_a_partition_whose_copying_has_not_begun_has_nothing_to_repair(
    there: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    """A marker before its first one would break the chain that is under way."""
    there.holes[RECOVERY] = [{**HOLE, "why": "late-start", "until": "11"}]
    assert run() == 1
    assert there.asked == []
    assert "no marker of it has come yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--pair", "somewhere"], "is no pair"),
        (["--pair", f"eu-west-1/{SHARD}"], "the regions are"),
        (["--stretch", f"17/{TOPIC}/3/10/20"], "takes one --pair"),
        (["--pair", f"{HOME}/{SHARD}", "--stretch", f"17/{TOPIC}/3/20/10"], "is no stretch"),
        (["--since", "yesterday"], "is no instant"),
    ],
)
def test_bad_input_gets_a_sentence(
    there: Environment, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert run(*words) == 2
    assert why in capsys.readouterr().err
    assert there.asked == []


def test_the_command_stands_beside_the_others() -> None:
    assert [one.name for one in log_commands.app.registered_commands] == ["repair", "give-up"]


def test_without_a_standby_there_is_no_other_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "repair", "--suffix", "t", "--recovery", "none"]) == 2
    assert "there is no other log to copy from" in capsys.readouterr().err
