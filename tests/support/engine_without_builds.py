"""A container engine for a machine without one: what it is told to push is put under its name and tag.

It builds and pulls nothing; every image has its repository's name as its manifest.
"""

from __future__ import annotations

import re
import sys

import boto3

NAME = re.compile(r"\S+\.dkr\.ecr\.([a-z0-9-]+)\.[^/]+/([^:]+):(\S+)")


def main(arguments: list[str]) -> None:
    """`docker login`, `docker buildx build --push -t NAME`, `docker buildx imagetools create -t NAME`."""
    if arguments[0] == "login":
        sys.stdin.read()
        return
    found = NAME.fullmatch(arguments[arguments.index("-t") + 1])
    assert found is not None, arguments
    region, repository, tag = found.groups()
    boto3.client("ecr", region).put_image(
        repositoryName=repository, imageTag=tag, imageManifest=f'{{"name": "{repository}"}}'
    )


if __name__ == "__main__":
    main(sys.argv[1:])
