"""The page of the preflight's probes, and the table of what only an environment shows."""

from __future__ import annotations

from lifeline.preflight.observations import OBSERVATIONS
from lifeline.preflight.probe import Ask, Scope
from lifeline.preflight.probes import PROBES


def page() -> str:
    """docs/reference/preflight.md."""
    lines = [
        "# What does the preflight ask?",
        "",
        f"`lifeline preflight` asks these {len(PROBES)} probes ([how](cli.md#lifeline-preflight)). Each only",
        "reads. Made by `make docs` from the table in `constructs/lifeline/preflight`.",
        "",
        "| probe | fact | asks | expects | if not | mended by |",
        "|---|---|---|---|---|---|",
    ]
    for probe in PROBES:
        where = "account" if probe.scope is Scope.ACCOUNT else "region"
        asks = ", ".join(_call(ask) for ask in probe.asks) + f" (once a {where})"
        cells = (
            f"`{probe.id}`",
            probe.fact,
            asks,
            probe.expects,
            probe.if_not,
            probe.mend,
        )
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "## Where does AWS say so?", "", "| probe | source |", "|---|---|"]
    lines += [f"| `{probe.id}` | {probe.source} |" for probe in PROBES]
    return "\n".join(lines) + "\n"


def observations() -> str:
    """What no question to an account answers, as a table."""
    lines = [
        "| observation | the design rests on | shows at the | look at | if not |",
        "|---|---|---|---|---|",
    ]
    for one in OBSERVATIONS:
        lines.append(f"| `{one.id}` | {one.fact} | {one.when} | {one.look} | {one.if_not} |")
    return "\n".join(lines)


def _call(ask: Ask) -> str:
    words = "".join(word.capitalize() for word in ask.operation.split("_"))
    return f"`{ask.service}` {words}"
