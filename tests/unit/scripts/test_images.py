"""`make images`: one build, one push of an immutable tag, both regions; the engine is a stand-in on PATH."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from lifeline.lambdas.certificates.database_tls import RDS_CA
from lifeline.settings import Settings
from scripts import images
from tests.conftest import ROOT

HOME, RECOVERY, ACCOUNT = "ca-central-1", "ca-west-1", "111122223333"
BOTH = ["processor-t", "mirrormaker-t"]
ENGINE = f"""#!{sys.executable}
import json, sys, pathlib
folder = pathlib.Path(__file__).parent
given = sys.stdin.read() if "--password-stdin" in sys.argv else ""
words = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:], *([given] if given else [])]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
sys.exit((folder / "refuse").exists() and "push" in " ".join(sys.argv))
"""


def host(region: str) -> str:
    return f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"


@dataclass
class World:
    """Two registries of one account, whose tags are immutable, and the engine's recorded calls."""

    folder: Path
    rules: list[dict[str, Any]] = field(default_factory=list)
    copied_after: float = 60.0
    now: float = 0.0
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    """By region and repository: the digest under the tag."""
    due: dict[str, float] = field(default_factory=dict)
    read: int = 0

    def calls(self) -> list[list[str]]:
        file = self.folder / "calls"
        return [json.loads(one) for one in file.read_text().splitlines()] if file.exists() else []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pushes(self) -> list[list[str]]:
        return [one for one in self.calls() if "buildx" in one]

    def _happen(self) -> None:
        """What the engine's new calls and the passed time did to the registries."""
        new = self.calls()[self.read :]
        self.read += len(new)
        for one in new:
            if "buildx" not in one:
                continue
            target = one[one.index("-t") + 1]
            region, repository = target.split(".")[3], target.split("/")[1].split(":")[0]
            assert (region, repository) not in self.tags, "an immutable tag was pushed twice"
            source = "copy" if "imagetools" in one else "build"
            self.tags[region, repository] = (
                self.tags[HOME, repository] if source == "copy" else f"sha256:{len(self.tags):064x}"
            )
            if source == "build" and self._replicates(repository):
                self.due[repository] = self.now + self.copied_after
        for repository, due in self.due.items():
            if self.now >= due:
                self.tags[RECOVERY, repository] = self.tags[HOME, repository]

    def _replicates(self, repository: str) -> bool:
        return any(
            repository.startswith(one["repositoryFilters"][0]["filter"])
            and one["destinations"][0]["region"] == RECOVERY
            for one in self.rules
        )

    def answer(self, client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """What ECR answers, of the shape that its service model says."""
        self._happen()
        region = client.meta.region_name
        made = self._answer(region, operation, given)
        model = botocore.session.get_session().get_service_model("ecr").operation_model(operation)
        for values, shape in ((given, model.input_shape), (made, model.output_shape)):
            assert shape is not None
            validate_parameters(values, shape)
        return made

    def _answer(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetAuthorizationToken":
            token = base64.b64encode(f"AWS:secret-{region}".encode()).decode()
            return {
                "authorizationData": [
                    {"authorizationToken": token, "proxyEndpoint": f"https://{host(region)}"}
                ]
            }
        if operation == "DescribeRegistry":
            return {"registryId": ACCOUNT, "replicationConfiguration": {"rules": self.rules}}
        repository = given["repositoryName"]
        if operation == "DescribeImageReplicationStatus":
            statuses = (
                [{"region": RECOVERY, "registryId": ACCOUNT, "status": "IN_PROGRESS"}]
                if repository in self.due
                else []
            )
            return {"repositoryName": repository, "replicationStatuses": statuses}
        assert operation == "DescribeImages"
        digest = self.tags.get((region, repository))
        if digest is None:
            raise ClientError(
                {"Error": {"Code": "ImageNotFoundException", "Message": "none"}}, operation
            )
        return {"imageDetails": [{"imageDigest": digest, "imageTags": ["0.1.0"]}]}


def rule(prefix: str, region: str = RECOVERY) -> dict[str, Any]:
    return {
        "destinations": [{"region": region, "registryId": ACCOUNT}],
        "repositoryFilters": [{"filter": prefix, "filterType": "PREFIX_MATCH"}],
    }


@pytest.fixture(name="world")
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    for name in ("docker", "cdk"):
        (tmp_path / name).write_text(ENGINE)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def call(client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        return made.answer(client, operation, given)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", call)
    return made


def bring(world: World) -> None:
    images.Images(
        Settings(environment_suffix="t"),
        home=images.Registry(HOME),
        recovery=images.Registry(RECOVERY),
        clock=lambda: world.now,
        sleep=world.sleep,
    ).bring()


def test_a_replicated_tag_is_built_and_pushed_once_into_home(world: World) -> None:
    world.rules = [rule("processor-"), rule("mirrormaker-")]
    bring(world)
    login, *builds = world.calls()
    assert login == [
        *("docker", "login", "--username", "AWS", "--password-stdin", host(HOME)),
        f"secret-{HOME}",
    ]
    assert builds == [
        [
            *("docker", "buildx", "build", "--platform", "linux/arm64", "--push"),
            *("-t", f"{host(HOME)}/processor-t:0.1.0", "-f", "services/Dockerfile", "."),
        ],
        [
            *("docker", "buildx", "build", "--platform", "linux/arm64", "--push"),
            *("-t", f"{host(HOME)}/mirrormaker-t:0.1.0", "services/replicator"),
        ],
    ]
    assert world.now >= world.copied_after, "it waited until the registry had copied it"


@pytest.mark.parametrize("rules", [[], [rule("other-")], [rule("processor-", "us-east-2")]])
def test_without_replication_the_built_image_is_copied(
    world: World, rules: list[dict[str, Any]]
) -> None:
    world.rules, world.copied_after = rules, 10**9
    bring(world)
    assert [one[2] for one in world.pushes()] == ["build", "build", "imagetools", "imagetools"]
    assert world.pushes()[2] == [
        *("docker", "buildx", "imagetools", "create", "--prefer-index=false"),
        *("-t", f"{host(RECOVERY)}/processor-t:0.1.0", f"{host(HOME)}/processor-t:0.1.0"),
    ]
    assert [one[5] for one in world.calls() if "login" in one] == [host(HOME), host(RECOVERY)]


def test_run_again_it_calls_no_engine(world: World) -> None:
    bring(world)
    before = world.calls()
    bring(world)
    assert world.calls() == before


def test_interrupted_after_the_push_it_goes_on(world: World) -> None:
    """Copied by the registry: waited for. Pushed before the registry replicated: copied."""
    world.rules = [rule("processor-"), rule("mirrormaker-")]
    world.tags = {(HOME, one): "sha256:" + "a" * 64 for one in BOTH}
    world.due = {"processor-t": 30.0}
    bring(world)
    assert [one[2] for one in world.pushes()] == ["imagetools"]
    assert "mirrormaker-t" in world.pushes()[0][-1]


def test_a_tag_with_two_images_is_refused(world: World) -> None:
    for region, letter in ((HOME, "a"), (RECOVERY, "b")):
        world.tags |= {(region, one): "sha256:" + letter * 64 for one in BOTH}
    with pytest.raises(images.Failure, match="allowed is one image under a tag"):
        bring(world)
    assert world.pushes() == []


def test_a_copy_that_never_comes_ends_it(world: World) -> None:
    world.rules, world.copied_after = [rule("processor-"), rule("mirrormaker-")], 10**9
    with pytest.raises(images.Failure, match="in 30 minutes; run `make images` again"):
        bring(world)


def test_an_engine_that_fails_or_is_missing_is_named(world: World) -> None:
    (world.folder / "refuse").touch()
    with pytest.raises(images.Failure, match="`docker buildx build …` ended with 1"):
        bring(world)
    (world.folder / "docker").unlink()
    with pytest.raises(images.Failure, match="docker is not on PATH"):
        bring(world)


def test_the_command_makes_the_repositories_first(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.rules, world.copied_after = [rule("processor-"), rule("mirrormaker-")], 0.0
    given = ["--suffix", "t", "-c", "imageTag=0.1.0", "--require-approval", "never"]
    assert images.main(given) == 0
    assert world.calls()[0] == [
        *("cdk", "deploy", "Foundation-cac1", "Foundation-caw1", "-c", "environmentSuffix=t"),
        *("-c", "profile=dev", "-c", "imageTag=0.1.0", "--require-approval", "never"),
    ]
    assert images.main(["--suffix", "t", "-c", "imageTag"]) == 1
    assert "allowed is key=value" in capsys.readouterr().err


def test_a_dry_run_prints_every_command_and_calls_nobody(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert images.main(["--suffix", "t", "--dry-run", "-c", "imageTag=0.2.0"]) == 0
    lines = [one for one in capsys.readouterr().out.splitlines() if not one.startswith("#")]
    assert [" ".join(one.split()[:3]) for one in lines] == [
        "cdk deploy Foundation-cac1",
        "docker login --username",
        *["docker buildx build"] * 2,
        "docker login --username",
        *["docker buildx imagetools"] * 2,
    ]
    assert "<account>.dkr.ecr.ca-central-1.amazonaws.com/processor-t:0.2.0" in lines[2]
    assert world.calls() == []


def test_each_image_has_a_context_that_is_there() -> None:
    for words in images.CONTEXTS.values():
        for word in words:
            assert word == "-f" or (ROOT / word).exists()
        file = words[1] if words[0] == "-f" else f"{words[0]}/Dockerfile"
        assert (ROOT / file).is_file()


@pytest.mark.parametrize("target", ["deploy", "preflight", "images"])
def test_preflight_is_given_the_authorities_that_are_shipped(target: str) -> None:
    """N17: without them it asks nothing of what clients believe."""
    said = subprocess.run(
        ["make", "-n", "-o", "setup", target, "SUFFIX=t"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=20,
    ).stdout  # fmt: skip
    (asked,) = [line for line in said.splitlines() if "lifeline.cli preflight" in line]
    options = asked.partition(" -- ")[0].split()
    assert ROOT / options[options.index("--bundle") + 1] == RDS_CA


def test_make_passes_what_it_is_given() -> None:
    """`make -n` prints the recipe: preflight first, but not in a dry run."""
    said = [
        subprocess.run(
            ["make", "-n", "-o", "setup", "images", "SUFFIX=t", "PROFILE=dev", f"ARGS={given}"],
            cwd=ROOT, capture_output=True, text=True, check=True, timeout=20,
        ).stdout
        for given in ("-c imageTag=0.2.0", "--dry-run")
    ]  # fmt: skip
    assert "scripts.images --suffix t --profile dev -c imageTag=0.2.0" in said[0]
    assert "preflight --suffix t --profile dev --skip images" in said[0]
    assert "preflight" not in said[1]
    assert "scripts.images --suffix t --profile dev --dry-run" in said[1]


def test_without_a_standby_no_other_region_gets_an_image(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["strategy=backup-only", "witnessRegion=none", "tier=DEFERRABLE"]
    given = ["--suffix", "t", *(word for one in chosen for word in ("-c", one))]
    assert images.main([*given, "--dry-run"]) == 0
    assert RECOVERY not in capsys.readouterr().out
    assert images.main(given) == 0
    first, *others = world.calls()
    assert "Foundation-caw1" not in first
    assert not [one for one in others if RECOVERY in " ".join(one)]
    assert {place for place, _ in world.tags} == {HOME}
