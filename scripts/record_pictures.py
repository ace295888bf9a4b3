"""`python -m scripts.record_pictures`: runs the lab and keeps what docs' pictures are drawn from.

Three runs: one that passes, during which `lifeline status` is looked at in three moments; one without a
fault; one that fails, since a person paused automatic failover just before the region was lost. A run whose
verdict is not what its picture claims is not kept. `--from FOLDER` takes a finished run instead.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drill import evidence
from drill.objective_rows import seconds
from drill.run import Options, Run
from drill.scenarios import SCENARIOS, Break
from drill.targets import BrokenThing
from drill.targets.local import LocalTarget
from drill.verdict import FAIL, PASS
from lab import LabError, toolkit
from lab import deployment as lab_deployment
from lab.places import HOME, RECOVERY, WITNESS, Places
from lifeline.cli.status.recorded import from_json
from scripts.pictures.moments import MOMENTS, Look, Recorder, bodies

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "tests" / "unit" / "drill" / "recorded"
LOOKS = ROOT / "scripts" / "pictures" / "recorded"
PAUSE_MINUTES = 95 / 60
"""The lease expires anew after it, in about 30 s: past the drill's limit of 120 s, before its watch ends."""
SECONDS_FOR = {"status-serving": 40.0, "status-lost": 60.0, "status-taken": 240.0}
LOOK_SECONDS = 30.0


@dataclass(frozen=True)
class Recording:
    """What is run for a picture, and what the picture claims of it."""

    kind: str
    scenario: str
    verdict: str
    claim: str
    before_seconds: float


RECORDINGS = {
    one.kind: one
    for one in (
        Recording(
            "pass", "region-loss", PASS, "a region was lost and the other one took over", 60.0
        ),
        Recording("noop", "noop", PASS, "nothing was broken", 25.0),
        Recording(
            "fail", "region-loss", FAIL, "it recovered, and too late; nothing was lost", 60.0
        ),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Record what is asked for. 0: all of it was kept; 1: something was refused, and says why."""
    parser = argparse.ArgumentParser(prog="scripts.record_pictures", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(RECORDINGS)}: all")
    parser.add_argument(
        "--from", dest="folder", type=Path, help="a finished run's folder, one KIND"
    )
    given = parser.parse_args(arguments)
    unknown = [one for one in given.kinds if one not in RECORDINGS]
    if unknown:
        parser.error(f"{unknown[0]!r} is no recording; allowed are {', '.join(RECORDINGS)}")
    if given.folder is not None and len(given.kinds) != 1:
        parser.error("--from takes the run of one KIND: name it")
    kinds = given.kinds or list(RECORDINGS)
    kept = [record(RECORDINGS[one], given.folder) for one in kinds]
    if all(kept):
        print("record: now `make docs` draws the pictures")
    return 0 if all(kept) else 1


def record(recording: Recording, folder: Path | None) -> bool:
    """Run it, or read it from `folder`; keep it if it shows what is claimed. Whether it was kept."""
    recorder: Recorder | None = None
    if folder is not None:
        sealed = json.loads((folder / evidence.FILE).read_text())
    else:
        sealed, recorder = run(recording)
    refused = refusal(recording, sealed)
    if recorder is not None and recording.kind == "pass":
        refused = refused or recorder.refusal()
    if refused:
        words = f"record: {recording.kind} is not kept: {refused}. It must show: {recording.claim}."
        print(words, file=sys.stderr)
        return False
    keep(recording.kind, sealed, {} if recorder is None else recorder.kept)
    print(f"record: {recording.kind} is {sealed['id']}, {sealed['verdict']}")
    return True


def refusal(recording: Recording, sealed: Mapping[str, Any]) -> str:
    """Why this run is not what the picture claims; empty when it is. Raises EvidenceError."""
    evidence.validate(sealed)
    if sealed.get("format") != evidence.FORMATS[-1]:
        return (
            f"its evidence has format {sealed.get('format', 1)}, today's is {evidence.FORMATS[-1]}"
        )
    if sealed["scenario"] != recording.scenario:
        return f"it is a run of {sealed['scenario']}, the picture shows {recording.scenario}"
    if sealed["verdict"] != recording.verdict:
        unmet = [name for name, met in sealed["objectives_met"].items() if not met]
        why = f" ({', '.join(unmet)} not met)" if unmet else ""
        return f"it ended {sealed['verdict']}{why}, the picture claims {recording.verdict}"
    if recording.verdict == FAIL:
        return _not_late(sealed)
    return ""


def _not_late(sealed: Mapping[str, Any]) -> str:
    met = sealed["objectives_met"]
    if met["recovered_in_time"] or sealed["rto_seconds"] is None:
        return f"it claims a late recovery, and this one was {seconds(sealed['rto_seconds'])}"
    if not met["no_accepted_event_lost"]:
        return "it claims that nothing was lost, and here accepted events were"
    return ""


def keep(kind: str, sealed: Mapping[str, Any], looks: Mapping[str, Look]) -> None:
    """Write the fixtures; the same bytes for the same run."""
    text = json.dumps(sealed, sort_keys=True).encode()
    (RUNS / f"{kind}.json.gz").write_bytes(gzip.compress(text, mtime=0))
    if looks:
        for old in LOOKS.glob("status-*.json"):
            old.unlink()
        for name, body in bodies(looks).items():
            (LOOKS / name).write_text(body)


class WatchedTarget(LocalTarget):
    """The lab, and what is done just `before` the fault, and `after` it is in force."""

    before: Callable[[], Sequence[BrokenThing]] = staticmethod(tuple)
    after: Callable[[], None] = staticmethod(lambda: None)

    @property
    def places(self) -> Places:
        """Ports of the running lab."""
        return self._lab.places

    def bring_about(self, what: Break) -> Sequence[BrokenThing]:
        planted = list(self.before())
        done = [*planted, *super().bring_about(what)]
        self.after()
        return done


def run(recording: Recording) -> tuple[dict[str, Any], Recorder]:
    """One run in a fresh lab, with the recorder of its looks. Raises LabError."""
    target = WatchedTarget(say=_say)
    options = Options(before_seconds=recording.before_seconds)
    with target:
        done = threading.Event()
        recorder = Recorder(lambda: look(target.places, target.suffix), _say, done)
        later = threading.Thread(target=_later_moments, args=(recorder,), daemon=True)
        if recording.kind == "pass":
            target.before = lambda: _first_moment(recorder)
            target.after = lambda: later.start()
        if recording.kind == "fail":
            target.before = lambda: [paused(target.places, target.suffix)]
        try:
            outcome = Run(SCENARIOS[recording.scenario], options, target, _say).go()
        finally:
            done.set()
            if later.is_alive():
                later.join(LOOK_SECONDS + 5)
    return outcome.evidence, recorder


def _first_moment(recorder: Recorder) -> Sequence[BrokenThing]:
    recorder.take(MOMENTS[0], seconds=SECONDS_FOR[MOMENTS[0].name])
    return ()


def _later_moments(recorder: Recorder) -> None:
    for moment in MOMENTS[1:]:
        recorder.take(moment, seconds=SECONDS_FOR[moment.name])


def paused(places: Places, suffix: str) -> BrokenThing:
    """What a person did: automatic failover is off for longer than the drill's limit."""
    arguments = ("authority", "pause", "--suffix", suffix, "--minutes", f"{PAUSE_MINUTES:.2f}")
    lab_deployment.command(places, *arguments)
    return BrokenThing(
        time.time(), "paused", "automatic failover", f"lifeline {' '.join(arguments)}"
    )


def look(places: Places, suffix: str) -> Look:
    """One look in a process of its own, through the operator's way to the lab."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "scripts.pictures.moments", suffix, HOME, RECOVERY, WITNESS],
        cwd=ROOT, capture_output=True, text=True, timeout=LOOK_SECONDS, check=False,
        env=toolkit.environment(places),
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"a look at the lab failed: {done.stderr.strip()[-500:]}")
    return Look(from_json(json.loads(done.stdout)), time.monotonic() - began)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
