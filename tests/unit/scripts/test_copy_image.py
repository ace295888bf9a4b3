"""The deploy step of the drill pipeline copies an image whole: its index, its images and their layers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from scripts.copy_image import IMAGES, INDEXES, PART_BYTES, copy_image


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    """ECR as its API says it behaves: an image is refused whose layers or children are not there."""

    class exceptions:
        class ImageAlreadyExistsException(Exception):
            """As boto3's."""

    def __init__(self) -> None:
        self.layers: dict[str, dict[str, bytes]] = {"from": {}, "to": {}}
        self.images: dict[str, dict[str, tuple[str, str]]] = {"from": {}, "to": {}}
        self.uploads: dict[str, bytes] = {}
        self.sent = 0

    def batch_get_image(
        self, repositoryName: str, imageIds: list[dict[str, str]], acceptedMediaTypes: list[str]
    ) -> Any:
        found = self.images[repositoryName].get(next(iter(imageIds[0].values())))
        if found is None or found[1] not in acceptedMediaTypes:
            return {"images": []}
        return {"images": [{"imageManifest": found[0], "imageManifestMediaType": found[1]}]}

    def batch_check_layer_availability(self, repositoryName: str, layerDigests: list[str]) -> Any:
        there = layerDigests[0] in self.layers[repositoryName]
        return {"layers": [{"layerAvailability": "AVAILABLE" if there else "UNAVAILABLE"}]}

    def get_download_url_for_layer(self, repositoryName: str, layerDigest: str) -> Any:
        return {"downloadUrl": layerDigest}

    def initiate_layer_upload(self, repositoryName: str) -> Any:
        self.uploads[f"u{len(self.uploads)}"] = b""
        return {"uploadId": f"u{len(self.uploads) - 1}"}

    def upload_layer_part(
        self, repositoryName: str, uploadId: str, partFirstByte: int, partLastByte: int,
        layerPartBlob: bytes,
    ) -> None:  # fmt: skip
        assert partFirstByte == len(self.uploads[uploadId])
        assert partLastByte - partFirstByte + 1 == len(layerPartBlob) <= PART_BYTES
        self.uploads[uploadId] += layerPartBlob
        self.sent += 1

    def complete_layer_upload(
        self, repositoryName: str, uploadId: str, layerDigests: list[str]
    ) -> None:
        assert digest_of(self.uploads[uploadId]) == layerDigests[0]
        self.layers[repositoryName][layerDigests[0]] = self.uploads[uploadId]

    def put_image(
        self, repositoryName: str, imageManifest: str, imageManifestMediaType: str,
        imageTag: str = "", imageDigest: str = "",
    ) -> None:  # fmt: skip
        parts = json.loads(imageManifest)
        for child in parts.get("manifests", []):
            assert child["digest"] in self.images[repositoryName]
        for layer in [*parts.get("layers", []), *([parts["config"]] if "config" in parts else [])]:
            assert layer["digest"] in self.layers[repositoryName]
        name = imageTag or imageDigest
        if name in self.images[repositoryName]:
            raise self.exceptions.ImageAlreadyExistsException
        self.images[repositoryName][name] = (imageManifest, imageManifestMediaType)


def registry() -> Registry:
    """With an index of one image of a small and a large layer, as buildx pushes it."""
    made = Registry()
    blobs = [b"config", b"small", b"large" * PART_BYTES]
    made.layers["from"] = {digest_of(one): one for one in blobs}
    config, *layers = ({"digest": digest_of(one)} for one in blobs)
    image = json.dumps({"config": config, "layers": layers})
    child = digest_of(image.encode())
    index = json.dumps({"manifests": [{"digest": child}]})
    made.images["from"] = {child: (image, IMAGES[0]), "0.1.0": (index, INDEXES[0])}
    return made


def test_an_index_is_copied_with_its_images_and_their_layers() -> None:
    made = registry()
    copy_image(made, "from", "to", {"imageTag": "0.1.0"}, lambda url: made.layers["from"][url])
    assert made.images["to"] == made.images["from"]
    assert made.layers["to"] == made.layers["from"]
    assert made.sent == 1 + 1 + 5
    copy_image(made, "from", "to", {"imageTag": "0.1.0"}, lambda url: made.layers["from"][url])
    assert made.sent == 7, "what is there is not sent again"


def test_an_image_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="from has no image"):
        copy_image(registry(), "from", "to", {"imageTag": "9"}, lambda _url: b"")
