"""Copy one image from a repository to another of the same region and account, without a container engine.

A drill's environment starts from the image that its production runs. Layers that the target has are not
sent again; an image that it has already is left alone. 0: it is there; 1: it is not, and why.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
PART_BYTES = 10 * 1024 * 1024
"""Between the 5 and 20 MiB that ECR takes; the last part may be smaller."""
TIMEOUT_SECONDS = 60


def copy_image(
    ecr: Any, source: str, target: str, image: dict[str, str], fetch: Callable[[str], bytes]
) -> None:
    """`image` is `{"imageTag": …}` or `{"imageDigest": …}`. Raises ValueError when the source lacks it.

    An index is copied after the images that it names.
    """
    answer = ecr.batch_get_image(
        repositoryName=source, imageIds=[image], acceptedMediaTypes=[*INDEXES, *IMAGES]
    )
    if not answer["images"]:
        raise ValueError(f"{source} has no image {image}; push it before a drill asks for it.")
    found = answer["images"][0]
    manifest = json.loads(found["imageManifest"])
    for child in manifest.get("manifests", []):
        copy_image(ecr, source, target, {"imageDigest": child["digest"]}, fetch)
    layers = [*manifest.get("layers", []), *([manifest["config"]] if "config" in manifest else [])]
    for digest in dict.fromkeys(one["digest"] for one in layers):
        _copy_layer(ecr, source, target, digest, fetch)
    try:
        ecr.put_image(
            repositoryName=target,
            imageManifest=found["imageManifest"],
            imageManifestMediaType=found["imageManifestMediaType"],
            **image,
        )
    except ecr.exceptions.ImageAlreadyExistsException:
        return


def _copy_layer(
    ecr: Any, source: str, target: str, digest: str, fetch: Callable[[str], bytes]
) -> None:
    there = ecr.batch_check_layer_availability(repositoryName=target, layerDigests=[digest])
    if any(one["layerAvailability"] == "AVAILABLE" for one in there["layers"]):
        return
    place = ecr.get_download_url_for_layer(repositoryName=source, layerDigest=digest)
    content = fetch(place["downloadUrl"])
    upload = ecr.initiate_layer_upload(repositoryName=target)["uploadId"]
    for first in range(0, len(content), PART_BYTES):
        part = content[first : first + PART_BYTES]
        ecr.upload_layer_part(
            repositoryName=target,
            uploadId=upload,
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
    ecr.complete_layer_upload(repositoryName=target, uploadId=upload, layerDigests=[digest])


def _fetch(url: str) -> bytes:
    if not url.startswith("https://"):
        raise ValueError(f"ECR gave {url.partition(':')[0]}: for a layer; allowed is https.")
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        content: bytes = answer.read()
        return content


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("region", "source", "target", "tag"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args(arguments)
    ecr = boto3.client("ecr", region_name=given.region)
    try:
        copy_image(ecr, given.source, given.target, {"imageTag": given.tag}, _fetch)
    except (BotoCoreError, ClientError, OSError, ValueError) as error:
        print(f"copy_image: {given.target} has no image: {error}", file=sys.stderr)
        return 1
    print(f"copy_image: {given.target}:{given.tag} in {given.region}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
