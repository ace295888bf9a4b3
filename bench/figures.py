"""What `make bench` measures: each figure's unit, target and meaning, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`target` is the least where `more_is_better`, else the most; None: a figure to read others by."""

    name: str
    unit: str
    meaning: str
    target: float | None = None
    more_is_better: bool = True

    def met(self, value: float) -> bool | None:
        """None where there is no target."""
        if self.target is None:
            return None
        return value >= self.target if self.more_is_better else value <= self.target


FIGURES = (
    Figure("raw_copy_rows_per_s", "rows/s", "COPY of the same rows with the same columns and key"),
    Figure("store_path_ratio", "of raw COPY", "insert, aggregates, vital signs, markers, commit", 0.6),
    Figure(
        "store_path_work_ratio", "of raw COPY",
        "the same by processor time of server and applier together: a neighbour changes it least",
    ),
    Figure("processor_path_ratio", "of raw COPY", "the same with the decoding of the records", 0.5),
    Figure(
        "ordinary_batch_ratio", "of raw COPY",
        "the store path in batches of 333 rows, as the applier reads them while it keeps up",
    ),
    Figure(
        "rows_5m_ratio", "of an empty one",
        "the store path with 5 million rows in the day's partition, its index larger than the buffers", 0.7,
    ),
    Figure("json_loads_per_s", "events/s", "`orjson.loads` of the same bodies, on one core"),
    Figure(
        "bridge_events_per_s", "events/s",
        "from the function's event to records that can be produced, on one core", 45_000,
    ),
    Figure(
        "processor_peak_mib", "MiB", "the event applier's largest memory, at work on a backlog", 300,
        more_is_better=False,
    ),
    Figure("processor_rows_per_s", "rows/s", "that event applier, from the log into the database"),
    Figure(
        "resume_seconds", "s", "a watermark reader's start until it publishes, 10 million records behind",
        10, more_is_better=False,
    ),
    Figure(
        "resume_bytes_ratio", "of those at 1 million", "what that start reads from the log", 1.2,
        more_is_better=False,
    ),
    Figure("long_link_mb_per_s", "MB/s", "the replicator over a round trip of 60 ms, one direction", 20),
    Figure("long_link_ratio", "of Kafka alone", "the same beside Kafka's own buffers", 1.5),
    Figure(
        "pipeline_p95_ms", "ms", "from a bedside to the database at 1,667 events a second, in a lab", 1_000,
        more_is_better=False,
    ),
    Figure("edge_events_per_s", "events/s", "the highest rate that the HTTP edge holds", 2_500),
    Figure(
        "stream_events_per_s", "events/s", "the highest rate that holds by PutRecords in batches of 500",
        4_000,
    ),
    Figure("synth_seconds", "s", "`app.py` for the profile dev", 12, more_is_better=False),
)  # fmt: skip
BY_NAME = {one.name: one for one in FIGURES}


def table(found: Mapping[str, float]) -> str:
    """One line a figure, in the table's order."""
    lines = []
    for one in FIGURES:
        if one.name not in found:
            continue
        value, met = found[one.name], one.met(found[one.name])
        shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
        target = ""
        if met is not None:
            bound = "at least" if one.more_is_better else "at most"
            target = f"{bound} {one.target:,g}: {'met' if met else 'NOT MET'}"
        lines.append(f"{one.name:<22} {shown:>10} {one.unit:<24} {target}".rstrip())
    return "\n".join(lines)
