"""The shipped code in a world: its clock, its clients, its processes.

While a world runs, the ports of the shipped code lead into it: `SystemClock`, `boto3.client`, pg8000's
connection, `psycopg`'s (through the services' `connect`), `urllib.request.urlopen`, the environment
that contracts read, the probe's threads. Everything above them is the code that is deployed.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.request import Request

import orjson
import pg8000.native
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from lifeline.lambdas.adapters import answer_date, aws
from lifeline.lambdas.contracts import contract
from lifeline.lambdas.failover import clock
from simulator.network import Network, NoAnswer, Refused
from simulator.scheduler import Scheduler, Task
from simulator.twins.dynamodb import copied
from simulator.twins.postgresql import Server, Session

CLIENT_SECONDS = 2.0
EPOCH_ZERO = 1_800_000_000.0
"""Epoch seconds at which every run begins."""

Service = Callable[[str, str, Mapping[str, Any]], Any]
"""(region, operation, request) to the answer; raises ClientError."""
Route = Callable[[str, str, str], tuple[int, dict[str, Any]]]
"""(region, method, path) to status and body."""


_DATES = lru_cache(maxsize=4096)(parsedate_to_datetime)
"""Every run passes through the same seconds, and reading a date is pure."""


_REQUESTS = lru_cache(maxsize=256)(Request)
"""The same few addresses are asked again and again, and `urlopen` here changes no request."""


def _request(
    url: str,
    data: bytes | None = None,
    headers: dict[str, str] | None = None,
    method: str | None = None,
) -> Request:
    """`urllib.request.Request`."""
    if data is None and not headers:
        return _REQUESTS(url, method=method)
    return Request(url, data, headers or {}, method=method)


class AwsClient:
    """A client of one service in one region; every operation is a call over the network."""

    def __init__(self, runtime: Runtime, service: str, region: str, timeout: float) -> None:
        self._runtime, self._service, self._region = runtime, service, region
        self._timeout = timeout
        self.exceptions = _Exceptions()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        runtime, service, region = self._runtime, self._service, self._region
        network, timeout = runtime.network, self._timeout
        answer = runtime.services[service]

        def call(**request: Any) -> Any:
            try:
                return network.call(region, service, timeout, answer, region, operation, request)
            except NoAnswer as error:
                raise ConnectTimeoutError(endpoint_url=f"{service}.{region}") from error
            except Refused as error:
                raise EndpointConnectionError(endpoint_url=f"{service}.{region}") from error
            except ClientError as error:
                raise self.exceptions.typed(error) from None

        setattr(self, operation, call)
        return call


class _Exceptions:
    """The client's exception classes: one a code, made when it is first named or raised."""

    def __getattr__(self, code: str) -> type[ClientError]:
        if code.startswith("_"):
            raise AttributeError(code)
        made = type(code, (ClientError,), {})
        setattr(self, code, made)
        return made

    def typed(self, error: ClientError) -> ClientError:
        """The same error as the client's own class has it; its words are made already."""
        return copied(error, getattr(self, error.response["Error"]["Code"]))


class Runtime:
    """What the ports lead to in one world."""

    def __init__(
        self,
        scheduler: Scheduler,
        network: Network,
        *,
        services: Mapping[str, Service],
        endpoints: Callable[[str], Server | None],
        route: Route,
    ) -> None:
        """`endpoints` resolves a database host to its server; None: the name does not resolve."""
        self.scheduler, self.network = scheduler, network
        self.services = services
        self._endpoints, self._route = endpoints, route

    def boto3_client(self, service: str, region_name: str, config: Any = None) -> AwsClient:
        """`boto3.client`."""
        timeout = CLIENT_SECONDS if config is None else float(config.read_timeout)
        return AwsClient(self, service, region_name, timeout)

    def session(self, host: str, timeout: float) -> tuple[Session, float]:
        """Connect to a database host. Raises OSError."""
        server = self._endpoints(host)
        if server is None:
            raise OSError(f"could not translate host name {host!r}")

        def connect() -> Session:
            if not server.up:
                raise Refused(f"no server at {host}")
            return Session(server)

        try:
            return self.network.call(server.region, "postgresql", timeout, connect), timeout
        except (NoAnswer, Refused) as error:
            raise OSError(str(error)) from error

    def run(self, session: Session, timeout: float, sql: str, values: Mapping[str, Any]) -> Any:
        """One statement over the network. Raises OSError, ServerError."""
        server = session.server.region
        try:
            return self.network.call(server, "postgresql", timeout, session.run, sql, values)
        except (NoAnswer, Refused) as error:
            raise OSError(str(error)) from error

    def urlopen(self, request: Request, timeout: float) -> Any:
        """`urllib.request.urlopen`: hosts are `<service>.<region>`."""
        service, _, region = request.host.partition(".")
        try:
            status, body = self.network.call(
                region,
                service,
                timeout,
                self._route,
                region,
                request.get_method(),
                request.selector,
            )
        except (NoAnswer, Refused) as error:
            raise urllib.error.URLError(OSError(str(error))) from error
        raw = orjson.dumps(body)
        if status >= 400:
            said = io.BytesIO(raw)
            raise urllib.error.HTTPError(request.full_url, status, "", {}, said)  # type: ignore[arg-type]
        return _Response(status, raw)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Lead the ports here, and back afterwards."""
        from lifeline.lambdas.probe import cycle as probe_cycle
        from lifeline.services.archiver import archived_places
        from lifeline.services.query_api import service, stream_client

        runtime, scheduler = self, self.scheduler

        def now(_clock: object) -> float:
            """By the clock of the machine on which the current task runs."""
            task = scheduler.current
            assert task is not None
            return EPOCH_ZERO + scheduler.now + task.machine.clock_offset

        class Environment:
            """`os`, as far as contracts look at it."""

            @property
            def environ(self) -> Mapping[str, str]:
                return runtime._environment()

        boto3_module = SimpleNamespace(client=self.boto3_client)
        with (
            patch.multiple(
                clock.SystemClock,
                now=now,
                monotonic=lambda _self: scheduler.now,
                sleep=lambda _self, seconds: scheduler.sleep(seconds),
                wait=lambda _self, _stopping, seconds: scheduler.sleep(seconds),
                random=lambda _self: scheduler.random.random(),
            ),
            patch.object(aws, "boto3", boto3_module),
            patch.object(service, "boto3", boto3_module),
            patch.object(stream_client, "boto3", boto3_module),
            patch.object(archived_places, "boto3", boto3_module),
            patch.object(service, "connect", self._psycopg),
            patch.object(pg8000.native, "Connection", self._pg8000),
            patch.object(urllib.request, "urlopen", self.urlopen),
            patch.object(urllib.request, "Request", _request),
            patch.object(answer_date, "parsedate_to_datetime", _DATES),
            patch.object(contract, "os", Environment()),
            patch.object(probe_cycle, "ThreadPoolExecutor", self._pool),
        ):
            aws.client.cache_clear()
            try:
                yield
            finally:
                aws.client.cache_clear()

    def _environment(self) -> Mapping[str, str]:
        task = self.scheduler.current
        return {} if task is None else task.environment

    def _pg8000(self, _user: str, *, host: str, timeout: float, **_more: Any) -> _Pg8000:
        return _Pg8000(self, *self.session(host, timeout))

    def _psycopg(self, settings: Any, *, purpose: str, limited: bool = True) -> _Psycopg:
        *others, last = settings.host.split(",")
        for host in others:
            try:
                return _Psycopg(self, *self.session(host, 3.0))
            except OSError:  # not there (yet): the next one says whether anything is
                continue
        return _Psycopg(self, *self.session(last, 3.0))

    def _pool(self, max_workers: int) -> _Pool:
        return _Pool(self.scheduler, max_workers)


class _Response:
    def __init__(self, status: int, body: bytes) -> None:
        self.status, self._body = status, body

    def read(self, limit: int) -> bytes:
        return self._body[:limit]

    def __enter__(self) -> _Response:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Pg8000:
    """pg8000's native connection."""

    def __init__(self, runtime: Runtime, session: Session, timeout: float) -> None:
        self._runtime, self._session, self._timeout = runtime, session, timeout

    def run(self, sql: str, **values: Any) -> Any:
        return self._runtime.run(self._session, self._timeout, sql, values)

    def close(self) -> None:
        self._session.close()


class _Psycopg:
    """As much of psycopg's connection as the authority check needs."""

    def __init__(self, runtime: Runtime, session: Session, timeout: float) -> None:
        self._runtime, self._session, self._timeout = runtime, session, timeout
        self._rows: list[Any] = []

    def execute(self, sql: str) -> _Psycopg:
        self._rows = self._runtime.run(self._session, self._timeout, sql, {})
        return self

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None

    def close(self) -> None:
        self._session.close()


class _Pool:
    """`ThreadPoolExecutor`: its threads are tasks of the same process."""

    def __init__(self, scheduler: Scheduler, _workers: int) -> None:
        self._scheduler = scheduler
        self._tasks: list[Task] = []

    def submit(self, work: Callable[..., Any], *given: Any, **named: Any) -> _Future:
        current = self._scheduler.current
        assert current is not None
        task = self._scheduler.spawn(
            f"{current.name} thread",
            current.machine,
            lambda: work(*given, **named),
            current.environment,
        )
        self._tasks.append(task)
        return _Future(self._scheduler, task)

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for task in self._tasks:
            assert task.done is not None
            self._scheduler.wait(task.done)


class _Future:
    def __init__(self, scheduler: Scheduler, task: Task) -> None:
        self._scheduler, self._task = scheduler, task

    def result(self) -> Any:
        assert self._task.done is not None
        self._scheduler.wait(self._task.done)
        if self._task.error is not None:
            raise self._task.error
        return self._task.result
