"""`make docs`: writes what the documentation takes from the code. `--check` only says what would change.

Whole files: docs/pictures/*.svg and *.png, docs/reference/{pictures,api,preflight}.md. Parts of pages: the
text between `<!-- make docs: NAME -->` and `<!-- make docs: end -->`. With `--check` it exits with 1 when
something differs; the PNGs, whose letters a browser's version draws, are not compared.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from drill import evidence
from lifeline.cli.status.screen import screen
from lifeline.lambdas.failover import plan
from scripts import added_lines, api_reference, preflight_page
from scripts.pictures import (
    data_path,
    drill_pages,
    drill_plot,
    failover_pictures,
    graph,
    sequence,
    stack_picture,
    status_screen,
    svg,
)

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- make docs: ([\w-]+) -->\n).*?(<!-- make docs: end -->)", re.S)

DRILL_PLOT = ROOT / "docs" / "pictures" / "drill.svg"
"""Not made anew with the others: it shows one run."""

FAILURES = {
    plan.OnFailure.COMPENSATE: "release",
    plan.OnFailure.DEGRADE: "degrade",
    plan.OnFailure.PAGE_AND_REPEAT: "page, repeat",
}
FOLDERS = {
    "mechanisms": "How does it work?",
    "runbooks": "What do I do when an alarm pages?",
    "constructs": "How do I use a construct?",
    "reference": "What can I look up?",
    "compliance": "What does a reviewer need?",
    "decisions": "Why is it so?",
}
PICTURES = {
    "data-path": "How does an event pass?",
    "failover-sequence": "What happens in a failover, and when?",
    "failover-plan": "What are the steps of the plan, and where is the point of no return?",
    "lease-states": "In which states can the lease be?",
    "stacks": "Which stack waits for which?",
}


def main() -> int:
    """Write, or compare, everything."""
    parser = argparse.ArgumentParser(
        description="Write what the documentation takes from the code."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it differs")
    parser.add_argument(
        "--assembly", type=Path, help="a synthesized assembly, instead of a new one"
    )
    parser.add_argument("--drill", type=Path, help="an evidence.json: draw pictures/drill.svg")
    arguments = parser.parse_args()
    if arguments.drill is not None:
        DRILL_PLOT.write_text(drawn_drill(arguments.drill))
        print(f"docs: {DRILL_PLOT.relative_to(ROOT)} written")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        made = generated(arguments.assembly or synthesize(Path(folder) / "out"))
    changed = [name for name, text in made.items() if text != _committed(name)]
    for name in changed:
        print(f"docs: {name} {'differs' if arguments.check else 'written'}")
        if not arguments.check:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(made[name])
    if not arguments.check:
        for path in left_over(made):
            path.unlink()
            print(
                f"docs: {path.relative_to(ROOT).as_posix()} removed: its look is not recorded any more"
            )
        for path in drill_pages.draw():
            print(f"docs: {path.relative_to(ROOT).as_posix()} drawn")
    return 1 if changed and arguments.check else 0


def generated(assembly: Path) -> dict[str, str]:
    """Every file that `make docs` writes, by its name in the checkout, with the text it should have."""
    drawn = pictures(assembly)
    files = {f"docs/pictures/{name}.svg": image for name, (image, _) in drawn.items()}
    files |= {
        f"docs/pictures/{name}.svg": status_screen.svg(name, facts)
        for name, facts in status_screen.looks().items()
    }
    files["docs/reference/pictures.md"] = _pictures_page(drawn)
    files["docs/reference/api.md"] = api_reference.page()
    files["docs/reference/preflight.md"] = preflight_page.page()
    parts = blocks()
    for path in _markdown():
        text = path.read_text()
        if BLOCK.search(text):
            files[path.relative_to(ROOT).as_posix()] = filled(text, parts)
    return files


def left_over(made: Mapping[str, str]) -> list[Path]:
    """Screens whose looks went with a new recording."""
    drawn = sorted((ROOT / "docs" / "pictures").glob("status-*.svg"))
    return [path for path in drawn if path.relative_to(ROOT).as_posix() not in made]


def pictures(assembly: Path) -> dict[str, tuple[str, str]]:
    """Each picture's name, its SVG and its Mermaid text."""
    graphs = {
        "data-path": data_path.graph(),
        "failover-plan": failover_pictures.plan_graph(),
        "lease-states": failover_pictures.lease_graph(),
        "stacks": stack_picture.graph(assembly),
    }
    steps = failover_pictures.sequence()
    found = {name: (svg.svg(one), graph.mermaid(one)) for name, one in graphs.items()}
    found["failover-sequence"] = (sequence.svg(steps), sequence.mermaid(steps))
    return found


def drawn_drill(path: Path) -> str:
    """The plot of one real run. Raises EvidenceError for a file that is not what its hash says."""
    sealed = json.loads(path.read_text())
    evidence.validate(sealed)
    return drill_plot.plot(sealed)


def blocks() -> dict[str, Callable[[], str]]:
    """What a page may ask for by name."""
    return {
        "added-lines": added_lines.markdown,
        "index": index,
        "first-drill": preflight_page.observations,
        "plan-steps": plan_table,
        "status-looks": status_looks,
        "plan-budget": plan_budget,
        "take-guards": failover_pictures.guard_table,
    }


def filled(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """`text` with every block's content made anew. Raises ValueError for a block that nobody makes."""

    def content(match: re.Match[str]) -> str:
        if match[2] not in parts:
            raise ValueError(
                f"no block is called {match[2]!r}; there are {', '.join(sorted(parts))}"
            )
        return f"{match[1]}{parts[match[2]]()}\n{match[3]}"

    return BLOCK.sub(content, text)


def plan_table() -> str:
    """`PLAN` as a Markdown table; the steps of one stage share a number."""
    lines = [
        "| # | step | does | budget s | attempts × timeout s (pause) | when it keeps failing |",
        "|---|---|---|---|---|---|",
    ]
    for number, stage in enumerate(plan.stages(), start=1):
        for letter, step in zip("abcdefgh", stage, strict=False):
            mark = f"{number}{letter}" if len(stage) > 1 else str(number)
            pause = f" ({step.pause_seconds})" if step.attempts > 1 else ""
            does = step.description
            if step.name == plan.POINT_OF_NO_RETURN:
                does += " **Accepted is the point of no return.**"
            lines.append(
                f"| {mark} | `{step.name}` | {does} | {step.budget_seconds} | "
                f"{step.attempts} × {step.timeout_seconds}{pause} | {FAILURES[step.on_failure]} |"
            )
    return "\n".join(lines)


def plan_budget() -> str:
    """The RTO budget as one sentence."""
    return (
        f"Detect {plan.DETECT_BUDGET_SECONDS} s and decide {plan.DECIDE_BUDGET_SECONDS} s come first. "
        f"With them, the longest step of each stage adds up to **{plan.rto_budget_seconds()} s**."
    )


def status_looks() -> str:
    """Each recorded look as a picture, under the sentence that it begins with; for a runbook."""
    lines: list[str] = []
    for name, facts in sorted(status_screen.looks().items(), key=lambda one: one[1].now):
        sentence = screen(facts).serving.sentence
        lines += ["", f"![{sentence}](../pictures/{name}.svg)"]
    return "\n".join(lines[1:])


def index() -> str:
    """Every page of the documentation by folder, with its title."""
    lines: list[str] = []
    for folder, question in FOLDERS.items():
        lines += ["", f"## {question}", ""] if lines else [f"## {question}", ""]
        for path in sorted((ROOT / "docs" / folder).glob("*.md")):
            title = path.read_text().splitlines()[0].removeprefix("# ")
            lines.append(f"- [{title}]({folder}/{path.name})")
    return "\n".join(lines)


def _pictures_page(drawn: Mapping[str, tuple[str, str]]) -> str:
    lines = [
        "# Pictures",
        "",
        "Made by `make docs` from the tables, functions and templates that they show. Each is an SVG in",
        "[docs/pictures](../pictures/) and, folded below it, the same as Mermaid.",
    ]
    for name, question in PICTURES.items():
        lines += ["", f"## {question}", "", f"![{question}](../pictures/{name}.svg)", ""]
        lines += ["<details><summary>Mermaid</summary>", "", "```mermaid", drawn[name][1]]
        lines += ["```", "", "</details>"]
    return "\n".join(lines) + "\n"


def _markdown() -> list[Path]:
    written = ROOT / "docs" / "reference"
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in pages if written not in path.parents]


def _committed(name: str) -> str:
    path = ROOT / name
    return path.read_text() if path.is_file() else ""


def synthesize(folder: Path) -> Path:
    """The dev profile's assembly, as `make synth` writes it. Raises CalledProcessError."""
    subprocess.run(
        [
            sys.executable,
            str(ROOT / "app.py"),
            "--profile",
            "dev",
            "--suffix",
            "docs",
            "--out",
            str(folder),
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return folder


if __name__ == "__main__":
    sys.exit(main())
