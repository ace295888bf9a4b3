"""The data path: each box is a construct or a module, so one that is renamed breaks this import."""

from __future__ import annotations

import itertools

from lifeline.application import EventsApi
from lifeline.capacity import REJECTED
from lifeline.data import GlobalDatabase
from lifeline.services.event_applier import apply
from lifeline.services.query_api import service as query_api
from lifeline.streaming import EdgeStream, ReplicatedLog, StreamBridge
from scripts.pictures.graph import Arrow, Box, Frame, Graph, Kind

PATH: tuple[tuple[object, str, str, Kind], ...] = (
    (EventsApi, "API", "API Gateway", Kind.PLAIN),
    (EdgeStream, "edge stream", "Kinesis", Kind.STORE),
    (StreamBridge, "stream bridge", "Lambda", Kind.PLAIN),
    (ReplicatedLog, "log", f"MSK, with {REJECTED}", Kind.STORE),
    (apply, "event applier", "Fargate, while active", Kind.PLAIN),
    (GlobalDatabase, "database", "Aurora PostgreSQL", Kind.STORE),
    (query_api, "query API", "Fargate, while active", Kind.PLAIN),
)
"""(what makes it, name, service, kind), in the order in which an event passes."""
REGIONS = ("home", "recovery")
LOG, DATABASE = 3, 5
"""Their numbers in PATH: what is copied between the regions."""


def graph() -> Graph:
    """Both regions alike; the logs copy each other, the database copies from the writer."""
    boxes = [Box("edge", "edge publisher", 0, 1, ("POST /v1/events", "keeps what is not safe"))]
    arrows, frames = [], []
    for row, region in enumerate(REGIONS):
        ids = [f"{region}_{number}" for number in range(len(PATH))]
        for number, (_, name, service, kind) in enumerate(PATH):
            boxes.append(Box(ids[number], name, number + 1, row * 2, (service,), kind))
        arrows.append(Arrow("edge", ids[0]))
        arrows += [Arrow(one, other) for one, other in itertools.pairwise(ids)]
        frames.append(Frame(f"{region} region", tuple(ids)))
    arrows += [
        Arrow(f"home_{LOG}", f"recovery_{LOG}", "events, markers", dashed=True),
        Arrow(f"recovery_{LOG}", f"home_{LOG}", dashed=True),
        Arrow(f"home_{DATABASE}", f"recovery_{DATABASE}", "from the writer", dashed=True),
    ]
    return Graph("The data path", boxes, arrows, frames, cell=(166, 84))
