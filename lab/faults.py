"""Doing the breaking: proxies' rules, links, schedules and mappings, signals to the data plane.

Nothing here promotes, fails over or repairs anything: it breaks, and the keepers decide.
"""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]

from lab.conditions import Conditions, link_states, rules_for
from lab.link import set_links
from lab.made_calls import WATCH
from lab.places import CODES, SOURCES, Places
from lab.processes import Processes, send, tree

Observer = Callable[[str, str], Any]


@dataclass(frozen=True)
class Fault:
    """One thing that was done. `at` is epoch seconds, taken when it was in force."""

    at: float
    kind: str
    target: str
    detail: str


KILL_SECONDS = 10.0
"""How long a killed process may take to be gone, before the fault counts as not made."""

NOTHING_STARTS_SECONDS = 8.0
"""A run that was begun has a process some seconds later, on a busy machine."""


class Breaker:
    """Applies conditions to a running lab. `observer(service, region)` is a direct client."""

    def __init__(self, *, places: Places, processes: Processes, observer: Observer) -> None:
        self.places = places
        self.processes = processes
        self.observer = observer
        self.conditions = Conditions()
        self._asleep: dict[str, tuple[list[str], list[str]]] = {}

    def apply(self, conditions: Conditions) -> list[Fault]:
        """Bring all proxies and links in line with the conditions."""
        self.conditions = conditions
        done: list[Fault] = []
        for source in SOURCES:
            rules = rules_for(source, conditions)
            post_rules(self.places.proxy(source), [*rules, WATCH])
            if rules:
                done.append(Fault(time.time(), "api-rules", source, json.dumps(rules)))
        states = link_states(self.places.links(), conditions)
        set_links(self.places, states)
        broken = {name: state for name, state in states.items() if state != "open"}
        if broken:
            done.append(Fault(time.time(), "links", "links", json.dumps(broken)))
        return done

    def forget(self) -> None:
        """No fault is in force any more, and the regions begin anew."""
        self._asleep.clear()
        self.apply(Conditions())

    def kill_data_plane(self, region: str) -> list[Fault]:
        """SIGKILL to the region's database, log, services, gateway, replicator, functions."""
        return self._strike(region, signal.SIGKILL, "killed", self._function_workers(region, ""))

    def freeze_data_plane(self, region: str) -> list[Fault]:
        """SIGSTOP: everything accepts connections and nothing answers.

        Functions go on, against what hangs, as they would. Only the bridge's run is ended: the
        emulator waits for it on the one thread that serves every region's stream.
        """
        self.kill_functions(region, "stream-bridge-")
        return self._strike(region, signal.SIGSTOP, "frozen", [])

    def kill_functions(self, region: str, name_prefix: str) -> int:
        """SIGKILL to the processes that run the region's functions named so; how many there were."""
        workers = self._function_workers(region, name_prefix)
        send(workers, signal.SIGKILL)
        return len(workers)

    def stop_function(self, region: str, name: str) -> list[Fault]:
        """Disable the schedules that start the function, then kill its runs; also one that is starting."""
        events = self.observer("events", region)
        for rule in self._schedules_of(region, name):
            events.disable_rule(Name=rule)
        killed, at = self.kill_functions(region, name), time.time()
        quiet_since = at
        while time.time() - quiet_since < NOTHING_STARTS_SECONDS:
            time.sleep(0.2)
            if late := self.kill_functions(region, name):
                killed, quiet_since = killed + late, time.time()
        return [Fault(at, "killed", name, f"{killed} runs; nothing starts it")]

    def start_function(self, region: str, name: str) -> None:
        """Enable its schedules again, and start a run now."""
        events = self.observer("events", region)
        for rule in self._schedules_of(region, name):
            events.enable_rule(Name=rule)
        self.observer("lambda", region).invoke(
            FunctionName=name, InvocationType="Event", Payload=b"{}"
        )

    def _schedules_of(self, region: str, name: str) -> list[str]:
        """The rules with a schedule whose target is the function."""
        events = self.observer("events", region)
        return [
            rule["Name"]
            for rule in events.list_rules()["Rules"]
            if rule.get("ScheduleExpression")
            and any(
                target["Arn"].endswith(f":function:{name}")
                for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            )
        ]

    def thaw_data_plane(self, region: str) -> list[Fault]:
        """SIGCONT."""
        return self._strike(region, signal.SIGCONT, "thawed", [])

    def _strike(
        self, region: str, number: int, kind: str, workers: list[psutil.Process]
    ) -> list[Fault]:
        running = [run for run in self.processes.of_region(region) if run.alive]
        # The whole tree is collected before the first signal: a region dies at one moment.
        members = [member for run in running for member in tree(run.pid, run.started)]
        send([*members, *workers], number)
        now = time.time()
        if number == signal.SIGKILL:
            # Dead is what nothing of it can contradict: on a busy machine the kernel needs a moment.
            for run in running:
                run.popen.wait(timeout=KILL_SECONDS)
        done = [Fault(now, kind, run.name, f"pid {run.pid}") for run in running]
        if workers:
            done.append(Fault(now, kind, f"functions-{CODES[region]}", f"{len(workers)} workers"))
        return done

    def _function_workers(self, region: str, name_prefix: str) -> list[psutil.Process]:
        """The processes in which the emulator runs the region's functions named so."""
        emulator = self.processes.get("emulator")
        if emulator is None:
            return []
        found = []
        for child in tree(emulator.pid, emulator.started)[1:]:
            try:
                variables = child.environ()
            except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                continue
            name = variables.get("AWS_LAMBDA_FUNCTION_NAME", "")
            if variables.get("AWS_REGION") == region and name.startswith(name_prefix):
                found.append(child)
        return found

    def put_to_sleep(self, region: str) -> list[Fault]:
        """Disable the region's schedules and event source mappings: a dead region starts nothing.

        The emulator polls all regions' mappings on one thread: one that hangs would delay the rest.
        """
        if region in self._asleep:
            return []
        events, functions = self.observer("events", region), self.observer("lambda", region)
        rules = [
            rule["Name"]
            for rule in events.list_rules()["Rules"]
            if rule.get("ScheduleExpression") and rule["State"] == "ENABLED"
        ]
        mappings = [
            mapping["UUID"]
            for mapping in functions.list_event_source_mappings()["EventSourceMappings"]
            if mapping.get("State") == "Enabled"
        ]
        for uuid in mappings:
            functions.update_event_source_mapping(UUID=uuid, Enabled=False)
        for name in rules:
            events.disable_rule(Name=name)
        self._asleep[region] = (rules, mappings)
        detail = f"{len(rules)} schedules, {len(mappings)} mappings"
        return [Fault(time.time(), "asleep", region, detail)]

    def wake(self, region: str) -> list[Fault]:
        """Enable again what `put_to_sleep` disabled."""
        rules, mappings = self._asleep.pop(region, ([], []))
        events, functions = self.observer("events", region), self.observer("lambda", region)
        for name in rules:
            events.enable_rule(Name=name)
        for uuid in mappings:
            functions.update_event_source_mapping(UUID=uuid, Enabled=True)
        return [Fault(time.time(), "awake", region, f"{len(rules)} schedules")]


def post_rules(port: int, rules: list[dict[str, Any]]) -> None:
    """Replace the rules of one proxy. Raises OSError."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_microburst/rules", data=json.dumps(rules).encode(), method="POST",
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=5) as answer:
        answer.read()
