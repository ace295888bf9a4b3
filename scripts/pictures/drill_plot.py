"""One drill as a plot on its own: the report's time axis as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drill import story, time_axis
from drill.plots import picture

FONTS = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"


def plot(sealed: Mapping[str, Any]) -> str:
    """`sealed` is the evidence of one run. Raises ValueError when it holds no samples."""
    if not sealed["throughput_samples"]:
        raise ValueError(f"evidence {sealed['id']} has no throughput_samples: nothing to draw")
    drawn = picture(
        time_axis.lanes(sealed),
        time_axis.axis(sealed, time_axis.WIDE),
        time_axis.marks_of(sealed),
        label=f"{_caption(sealed)} {time_axis.describe(sealed)}",
        kind="plot",
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{FONTS}" '
    return drawn.replace("<svg ", head, 1) + "\n"


def _caption(sealed: Mapping[str, Any]) -> str:
    return f"Drill {sealed['id']} ({sealed['target']}). {story.sentence(sealed)}"
