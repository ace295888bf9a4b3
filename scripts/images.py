"""Build the services' images once, and have them in both regions under one immutable tag (`make images`).

The push goes to the home region only. Where home's registry replicates to the other region, that copies the
image: a second push of the tag would be refused. Where it does not, the built image is copied, not built
again. A tag that is there already is left alone. 0: both regions have both images; 1: not, and why.
"""

from __future__ import annotations

import argparse
import base64
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.foundation.images import Image
from lifeline.settings import Settings, settings_from_context

ROOT = Path(__file__).resolve().parents[1]
CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3})
PLATFORM = "linux/arm64"
CONTEXTS = {
    Image.PROCESSOR: ("-f", "services/Dockerfile", "."),
    Image.MIRROR: ("services/replicator",),
}
REPLICATION_SECONDS = 1800
"""Amazon ECR User Guide, "Private image replication": most images are there in less than 30 minutes."""
LOOK_SECONDS = 10
ACCOUNT = "<account>"
"""Stands for the account's number in a dry run, which asks nobody."""


class Failure(Exception):
    """Why the images are not in both regions."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """What a registry takes for twelve hours."""

    registry: str
    password: str


class Registry:
    """The private registry of a region."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._ecr: Any = boto3.client("ecr", region_name=region, config=CONFIG)

    def login(self) -> Login:
        """Raises botocore's errors."""
        (data,) = self._ecr.get_authorization_token()["authorizationData"]
        _user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        return Login(
            registry=data["proxyEndpoint"].removeprefix("https://"),
            password=password,
        )

    def digest(self, repository: str, tag: str) -> str:
        """The image's digest under the tag; empty without one. Raises botocore's errors."""
        try:
            answer = self._ecr.describe_images(
                repositoryName=repository, imageIds=[{"imageTag": tag}]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ImageNotFoundException":
                return ""
            raise
        digest: str = answer["imageDetails"][0]["imageDigest"]
        return digest

    def replicates(self, repository: str, region: str) -> bool:
        """Whether what is pushed from now on is copied to `region`. Raises botocore's errors."""
        answer = self._ecr.describe_registry()
        for rule in answer["replicationConfiguration"]["rules"]:
            filters = [one["filter"] for one in rule.get("repositoryFilters", [])]
            if not filters or any(repository.startswith(one) for one in filters):
                there = {(one["region"], one["registryId"]) for one in rule["destinations"]}
                if (region, answer["registryId"]) in there:
                    return True
        return False

    def is_copying(self, repository: str, tag: str, region: str) -> bool:
        """Whether the registry copies this image to `region`, or has. Raises botocore's errors."""
        answer = self._ecr.describe_image_replication_status(
            repositoryName=repository, imageId={"imageTag": tag}
        )
        return any(
            one["region"] == region and one["status"] != "FAILED"
            for one in answer["replicationStatuses"]
        )


def build(registry: str, repository: str, tag: str, image: Image) -> list[str]:
    """The command that builds the image and pushes it."""
    return [
        *("docker", "buildx", "build", "--platform", PLATFORM, "--push"),
        *("-t", f"{registry}/{repository}:{tag}", *CONTEXTS[image]),
    ]


def copy(home: str, recovery: str, repository: str, tag: str) -> list[str]:
    """The command that copies a pushed image to the other registry, its digest kept."""
    return [
        *("docker", "buildx", "imagetools", "create", "--prefer-index=false"),
        *("-t", f"{recovery}/{repository}:{tag}", f"{home}/{repository}:{tag}"),
    ]


def log_in(registry: str) -> list[str]:
    """The command that takes the password on its standard input."""
    return ["docker", "login", "--username", "AWS", "--password-stdin", registry]


def make_repositories(settings: Settings, cdk_arguments: Sequence[str]) -> list[str]:
    """The command that makes the repositories: an image cannot be pushed before."""
    return [
        *("cdk", "deploy", f"Foundation-{settings.home.code}"),
        *((f"Foundation-{settings.recovery.code}",) if settings.has_standby else ()),
        *("-c", f"environmentSuffix={settings.environment_suffix}"),
        *("-c", f"profile={settings.profile_name}", *cdk_arguments),
    ]


def repository_of(image: Image, settings: Settings) -> str:
    """The repository's name, as ImageRepositories makes it."""
    return f"{image}-{settings.environment_suffix}"


def plan(settings: Settings, cdk_arguments: Sequence[str]) -> list[str]:
    """Every command that may be needed, one a line, for a dry run."""
    home, recovery = (
        f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"
        for region in (settings.home_region, settings.recovery_region)
    )
    tag = settings.image_tag
    lines = [
        f"{shlex.join(make_repositories(settings, cdk_arguments))}     # makes the repositories"
    ]
    lines.append(f"{' '.join(log_in(home))}     # ECR's password on standard input")
    lines += [" ".join(build(home, repository_of(one, settings), tag, one)) for one in Image]
    if not settings.has_standby:
        return lines
    lines.append(
        f"# wait until home's registry has copied both to {settings.recovery_region}; "
        "where it does not replicate:"
    )
    lines.append(f"{' '.join(log_in(recovery))}     # ECR's password on standard input")
    lines += [" ".join(copy(home, recovery, repository_of(one, settings), tag)) for one in Image]
    return lines


class Images:
    """One `make images`. `recovery` is None where that region starts no task (strategy backup only)."""

    def __init__(
        self,
        settings: Settings,
        *,
        home: Registry,
        recovery: Registry | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings, self._tag = settings, settings.image_tag
        self._home, self._recovery = home, recovery
        self._clock, self._sleep = clock, sleep
        self._logins: dict[str, str] = {}

    def bring(self) -> None:
        """Have each image in both regions. Raises Failure, or botocore's errors."""
        pushed = [image for image in Image if self._push(image)]
        if self._recovery is None:
            return
        for image in Image:
            self._copy(image, self._recovery, fresh=image in pushed)

    def _push(self, image: Image) -> bool:
        repository = repository_of(image, self._settings)
        if self._home.digest(repository, self._tag):
            _say(f"{repository}:{self._tag} is in {self._home.region}; not built again")
            return False
        _run(build(self._registry(self._home), repository, self._tag, image))
        if not self._home.digest(repository, self._tag):
            raise Failure(
                f"{self._home.region} has no {repository}:{self._tag} after the push; "
                "was another registry the default?"
            )
        return True

    def _copy(self, image: Image, recovery: Registry, *, fresh: bool) -> None:
        repository, to = repository_of(image, self._settings), recovery.region
        if not recovery.digest(repository, self._tag):
            if (fresh and self._home.replicates(repository, to)) or self._home.is_copying(
                repository, self._tag, to
            ):
                self._wait(repository, recovery)
            else:
                # Without this login the source could be read, but not the target written.
                registries = self._registry(self._home), self._registry(recovery)
                _run(copy(*registries, repository, self._tag))
        here, there = (one.digest(repository, self._tag) for one in (self._home, recovery))
        if here != there:
            raise Failure(
                f"{repository}:{self._tag} is {here or 'missing'} in {self._home.region} and "
                f"{there or 'missing'} in {to}; allowed is one image under a tag. Build under another: "
                "-c imageTag=…"
            )
        _say(f"{repository}:{self._tag} is in both regions: {here}")

    def _wait(self, repository: str, recovery: Registry) -> None:
        to = recovery.region
        _say(f"waiting until the registry has copied {repository}:{self._tag} to {to}")
        end = self._clock() + REPLICATION_SECONDS
        while not recovery.digest(repository, self._tag):
            if self._clock() >= end:
                raise Failure(
                    f"the registry has not copied {repository}:{self._tag} to {to} in "
                    f"{REPLICATION_SECONDS // 60} minutes; run `make images` again"
                )
            self._sleep(LOOK_SECONDS)

    def _registry(self, registry: Registry) -> str:
        """The registry's address, logged in to. It is asked once."""
        if registry.region not in self._logins:
            login = registry.login()
            _run(log_in(login.registry), given=login.password)
            self._logins[registry.region] = login.registry
        return self._logins[registry.region]


def _run(command: Sequence[str], *, given: str | None = None) -> None:
    _say(shlex.join(command))
    try:
        code = subprocess.run(command, check=False, cwd=ROOT, text=True, input=given).returncode
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not on PATH; the images need Docker with buildx") from error
    if code:
        raise Failure(f"`{shlex.join(command[:3])} …` ended with {code}")


def _say(words: str) -> None:
    print(f"images: {words}", flush=True)


def _settings(suffix: str, profile: str, pairs: Sequence[str]) -> Settings:
    """Raises ValueError, which says what is allowed."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    given = {"environmentSuffix": suffix, "profile": profile}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"Bad setting {pair!r}; allowed is key=value.")
        given[key] = value
    return settings_from_context({**flags, **given}.get)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status. What it does not know is passed to `cdk deploy`."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--suffix", required=True)
    parser.add_argument("--profile", default="dev")
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, ask nobody")
    given, rest = parser.parse_known_args(arguments)
    cdk_arguments = [*(word for pair in given.context for word in ("-c", pair)), *rest]
    try:
        settings = _settings(given.suffix, given.profile, given.context)
        if given.dry_run:
            print("\n".join(plan(settings, cdk_arguments)))
            return 0
        _run(make_repositories(settings, cdk_arguments))
        home = Registry(settings.home_region)
        recovery = Registry(settings.recovery_region) if settings.has_standby else None
        Images(settings, home=home, recovery=recovery).bring()
    except (BotoCoreError, ClientError, Failure, ValueError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
