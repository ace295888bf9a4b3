"""Rewrites a synthesized assembly for the emulator: substitute, never drop.

Dropping an unknown type drags along all that refers to it, until little is left to test. So each
resource stays in place: as it is, as a custom resource that does the same, or as a placeholder whose
references become literals. A template that is edited gets a new asset key: assets are found under the
hash of their content, and a CDK command line that sees the old key deploys the old template.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lab.overrides import endpoints, overridden
from lab.places import Places, arn
from lab.substitutions import PROVIDED, Kind, kind_of

PLACEHOLDER = "AWS::CloudFormation::WaitConditionHandle"
PROVIDER_NAME = "lab-provider"
CUSTOM_RESOURCE_TIMEOUT_SECONDS = "60"
SUB_REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.([A-Za-z0-9.]+))?\}")

Template = dict[str, Any]
Environment = Callable[[Mapping[str, object]], dict[str, object]]
Endpoints = Callable[[Places, str], dict[str, str]]
"""Every endpoint as a region sees it, by the name of its variable."""
Edit = Callable[[Template], Template]
"""A change to a synthesized template before it is rewritten, as an edit of the app would make it."""


@dataclass
class Substitution:
    """What was done to the resources of one or more templates, by kind and type."""

    counts: dict[Kind, Counter[str]] = field(
        default_factory=lambda: {kind: Counter() for kind in Kind}
    )
    asked: dict[str, tuple[str, Template]] = field(default_factory=dict)
    """By the stack's id: its region and its template as AWS would get it."""

    def add(self, kind: Kind, resource_type: str) -> None:
        self.counts[kind][resource_type] += 1

    def total(self, kind: Kind) -> int:
        return sum(self.counts[kind].values())


def rewrite_template(
    template: Template, *, region: str, environment: Environment, done: Substitution
) -> Template:
    """A copy of `template` that the emulator can deploy in `region`.

    `environment` maps a function's variables to those of the lab. Raises UndecidedTypeError.
    """
    resources: dict[str, Any] = template.get("Resources", {})
    literals: dict[str, str] = {}
    made: dict[str, Any] = {}
    for logical_id, resource in resources.items():
        kind = kind_of(resource["Type"], resource.get("Properties", {}))
        done.add(kind, resource["Type"])
        if kind is Kind.INERT:
            literals[logical_id] = resource["Type"]
            made[logical_id] = _placeholder(resource)
        elif kind is Kind.PROVIDED:
            made[logical_id] = _provided(resource, region)
        else:
            made[logical_id] = _native(resource, environment)
    rewritten = {**template, "Resources": made}
    # Hosted rotation is a transform that only AWS runs; what it would expand is inert here.
    rewritten.pop("Transform", None)
    return dict(_with_literals(rewritten, literals, region))


def _placeholder(resource: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: resource[key] for key in ("DependsOn", "Condition") if key in resource}
    return {"Type": PLACEHOLDER, **kept, "Metadata": {"lab:stands-for": resource["Type"]}}


def _provided(resource: Mapping[str, Any], region: str) -> dict[str, Any]:
    kept = {key: value for key, value in resource.items() if key not in ("Type", "Properties")}
    properties = {
        **resource.get("Properties", {}),
        "ServiceToken": arn("lambda", region, f"function:{PROVIDER_NAME}"),
        "ServiceTimeout": CUSTOM_RESOURCE_TIMEOUT_SECONDS,
    }
    return {**kept, "Type": PROVIDED[resource["Type"]], "Properties": properties}


def _native(resource: Mapping[str, Any], environment: Environment) -> dict[str, Any]:
    properties = dict(resource.get("Properties", {}))
    if "ServiceTimeout" in properties:
        # AWS may need minutes; here an answer that has not come by then never comes.
        return {
            **resource,
            "Properties": {**properties, "ServiceTimeout": CUSTOM_RESOURCE_TIMEOUT_SECONDS},
        }
    if resource["Type"] != "AWS::Lambda::Function":
        return dict(resource)
    properties.pop("Layers", None)
    variables = properties.get("Environment", {}).get("Variables", {})
    properties["Environment"] = {"Variables": environment(variables)}
    return {**resource, "Properties": properties}


def _literal(logical_id: str, resource_type: str, attribute: str, region: str) -> str:
    """What a reference to an inert resource becomes: recognisable, and of the right shape."""
    if attribute.lower().endswith("arn") or (not attribute and "Layer" in resource_type):
        service = resource_type.split("::")[1].lower()
        return arn(service, region, f"lab/{logical_id}")
    return f"lab-{logical_id}-{attribute}".lower().rstrip("-")


def _with_literals(value: Any, literals: Mapping[str, str], region: str) -> Any:
    """The value with every reference to an inert resource replaced by a literal."""
    if isinstance(value, list):
        return [_with_literals(each, literals, region) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"} and value["Ref"] in literals:
        return _literal(value["Ref"], literals[value["Ref"]], "", region)
    if set(value) == {"Fn::GetAtt"}:
        target = value["Fn::GetAtt"]
        parts = target.split(".", 1) if isinstance(target, str) else target
        if parts[0] in literals:
            attribute = parts[1] if isinstance(parts[1], str) else "attribute"
            return _literal(parts[0], literals[parts[0]], attribute, region)
    if set(value) == {"Fn::Sub"}:
        return {"Fn::Sub": _sub_with_literals(value["Fn::Sub"], literals, region)}
    return {key: _with_literals(each, literals, region) for key, each in value.items()}


def _sub_with_literals(body: Any, literals: Mapping[str, str], region: str) -> Any:
    def replaced(match: re.Match[str]) -> str:
        logical_id, attribute = match.group(1), match.group(2) or ""
        if logical_id not in literals:
            return match.group(0)
        return _literal(logical_id, literals[logical_id], attribute, region)

    if isinstance(body, str):
        return SUB_REFERENCE.sub(replaced, body)
    text, values = body
    return [SUB_REFERENCE.sub(replaced, text), _with_literals(values, literals, region)]


def rewrite_assembly(
    source: Path,
    target: Path,
    places: Places,
    edit: Edit | None = None,
    endpoints: Endpoints = endpoints,
) -> Substitution:
    """Write the assembly in `source` to `target`, rewritten. Raises UndecidedTypeError."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    done = Substitution()
    for manifest_path in sorted(target.rglob("manifest.json")):
        _rewrite_manifest(manifest_path, places, done, edit, endpoints)
    return done


def _rewrite_manifest(
    manifest_path: Path,
    places: Places,
    done: Substitution,
    edit: Edit | None,
    endpoints: Endpoints,
) -> None:  # fmt: skip
    folder = manifest_path.parent
    manifest = json.loads(manifest_path.read_text())
    for name, artifact in manifest.get("artifacts", {}).items():
        if artifact.get("type") != "aws:cloudformation:stack":
            continue
        region = artifact["environment"].rsplit("/", 1)[1]
        seen = endpoints(places, region)
        template_path = folder / artifact["properties"]["templateFile"]
        template = json.loads(template_path.read_text())
        template = edit(template) if edit is not None else template
        done.asked[name] = (region, template)
        layers = _layer_assets(template)
        rewritten = rewrite_template(
            template, region=region, environment=partial(overridden, seen=seen), done=done
        )
        template_path.write_text(json.dumps(rewritten, indent=1))
        _rekey(folder, artifact, template_path, layers)
    manifest_path.write_text(json.dumps(manifest, indent=1))


def _layer_assets(template: Template) -> set[str]:
    """Keys of the zip files of layers: not uploaded, nothing uses them here."""
    return {
        str(resource["Properties"]["Content"]["S3Key"]).split(".")[0]
        for resource in template.get("Resources", {}).values()
        if resource["Type"] == "AWS::Lambda::LayerVersion"
    }


def _rekey(folder: Path, artifact: dict[str, Any], template: Path, layers: set[str]) -> None:
    """Give the edited template the key of its new content, in its assets file and its stack."""
    assets_path = folder / template.name.replace(".template.json", ".assets.json")
    assets = json.loads(assets_path.read_text())
    new_key = hashlib.sha256(template.read_bytes()).hexdigest()
    files: dict[str, Any] = {}
    for key, file in assets["files"].items():
        if key in layers:
            continue
        if file["source"].get("path") != template.name:
            files[key] = file
            continue
        files[new_key] = json.loads(json.dumps(file).replace(key, new_key))
        url = artifact["properties"].get("stackTemplateAssetObjectUrl")
        if url:
            artifact["properties"]["stackTemplateAssetObjectUrl"] = url.replace(key, new_key)
    # Images need a container engine to build; here the services run as processes.
    assets_path.write_text(json.dumps({**assets, "files": files, "dockerImages": {}}, indent=1))
