"""Where the services' image lies: one repository in each region, so that a region starts tasks alone."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.site import Site


class ImageRepository(Construct):
    """Covers: the other region's registry being gone. Does not cover: a tag pushed to one region only."""

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, keys: Keys) -> None:
        super().__init__(scope, construct_id)
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=site.names.shared("processor"),
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=keys.data,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            removal_policy=RemovalPolicy.DESTROY,
            empty_on_delete=True,
        )
