"""Where everything of the lab lives: regions, sources of calls, ports, links between the regions.

A *source* is a place calls come from: each region, the witness, the operator (the lab itself and the
cdk command line) and the edges. Each source has a fault proxy of its own, because a proxy's rules
match the region that is called, not the one that calls.
"""

from __future__ import annotations

from dataclasses import dataclass

HOME = "ca-central-1"
RECOVERY = "ca-west-1"
WITNESS = "us-east-2"
DATA_REGIONS = (HOME, RECOVERY)
ALL_REGIONS = (HOME, RECOVERY, WITNESS)
CODES = {HOME: "cac1", RECOVERY: "caw1", WITNESS: "use2"}
SOURCES = ("cac1", "caw1", "use2", "operator", "edge")
ACCOUNT = "000000000000"
PARTITION = "aws"
LOOPBACK = "127.0.0.1"
LINK_KINDS = ("log", "database", "fence", "probe", "cache")
"""Data-plane connections that cross a border: the log's replication, the database's, the fence's
connection to the peer's database, health probes, and the cache's replication."""


def arn(service: str, region: str, resource: str) -> str:
    """An ARN of the emulator, which has one partition and one account; `region` empty for IAM."""
    return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT}:{resource}"


def peer_of(region: str) -> str:
    """The other data region. Raises ValueError for a region without data."""
    if region not in DATA_REGIONS:
        raise ValueError(f"{region} has no peer: the data regions are {HOME} and {RECOVERY}")
    return RECOVERY if region == HOME else HOME


@dataclass(frozen=True)
class Link:
    """A TCP connection between two places: who connects `source`, to whom `target` (codes)."""

    kind: str
    source: str
    target: str
    listen_port: int
    target_port: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.source}-to-{self.target}"

    def touches(self, code: str) -> bool:
        """Whether the region with this code is at either end."""
        return code in (self.source, self.target)


@dataclass(frozen=True)
class Places:
    """All ports of one lab, from one base: two labs with bases 100 apart do not meet (`lab.ports`)."""

    port_base: int
    ca_file: str = ""
    """Whose certificates the functions and services of this lab believe."""

    @property
    def emulator(self) -> int:
        return self.port_base

    def proxy(self, source: str) -> int:
        return self.port_base + 1 + SOURCES.index(source)

    def emulator_url(self) -> str:
        return f"http://{LOOPBACK}:{self.emulator}"

    def proxy_url(self, source: str) -> str:
        return f"http://{LOOPBACK}:{self.proxy(source)}"

    def database(self, region: str) -> int:
        return self.port_base + 10 + DATA_REGIONS.index(region)

    def broker(self, region: str) -> int:
        return self.port_base + 12 + DATA_REGIONS.index(region)

    def broker_export(self, region: str) -> int:
        """Where the other region's replicator meets this region's log (behind the link)."""
        return self.port_base + 14 + DATA_REGIONS.index(region)

    def gateway(self, region: str) -> int:
        return self.port_base + 16 + DATA_REGIONS.index(region)

    def query_api(self, region: str) -> int:
        return self.port_base + 18 + DATA_REGIONS.index(region)

    def query_api_tls(self, region: str) -> int:
        return self.port_base + 24 + DATA_REGIONS.index(region)

    def broker_controller(self, region: str) -> int:
        return self.port_base + 20 + DATA_REGIONS.index(region)

    def cache(self, region: str) -> int:
        return self.port_base + 26 + DATA_REGIONS.index(region)

    @property
    def links_control(self) -> int:
        return self.port_base + 22

    def links(self) -> tuple[Link, ...]:
        """Every connection between regions, with the port that stands for the far end."""
        made: list[Link] = []

        def add(kind: str, source: str, target: str, target_port: int) -> None:
            port = self.port_base + 30 + len(made)
            made.append(Link(kind, CODES[source], CODES[target], port, target_port))

        for region in DATA_REGIONS:
            peer = peer_of(region)
            add("log", region, peer, self.broker_export(peer))
            add("database", region, peer, self.database(peer))
            add("fence", region, peer, self.database(peer))
        for source in ALL_REGIONS:
            for target in DATA_REGIONS:
                if source != target:
                    add("probe", source, target, self.gateway(target))
        for region in DATA_REGIONS:
            add("cache", region, peer_of(region), self.cache(peer_of(region)))
        return tuple(made)

    def link(self, kind: str, source: str, target: str) -> Link:
        """The link of this kind between two regions (names). Raises KeyError when there is none."""
        name = f"{kind}-{CODES[source]}-to-{CODES[target]}"
        found = {link.name: link for link in self.links()}
        if name not in found:
            raise KeyError(f"no link {name}: the lab has {', '.join(sorted(found))}")
        return found[name]

    def all_ports(self) -> dict[str, int]:
        """Each port that must be free before the lab starts, with what it is for."""
        ports = {"the emulator": self.emulator, "the links' control": self.links_control}
        ports |= {f"the fault proxy of {source}": self.proxy(source) for source in SOURCES}
        for region in DATA_REGIONS:
            ports |= {
                f"the database in {region}": self.database(region),
                f"the log in {region}": self.broker(region),
                f"the log's export in {region}": self.broker_export(region),
                f"the gateway in {region}": self.gateway(region),
                f"the query API in {region}": self.query_api(region),
                f"the query API's TLS in {region}": self.query_api_tls(region),
                f"the log's controller in {region}": self.broker_controller(region),
                f"the cache in {region}": self.cache(region),
            }
        return ports | {f"link {link.name}": link.listen_port for link in self.links()}
