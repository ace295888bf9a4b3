"""Where the services' images lie: repositories in each region, so that a region starts tasks alone."""

from __future__ import annotations

from enum import StrEnum

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.site import Site

KEPT_IMAGES = 30
"""The newest that a repository keeps: more than a year of fortnightly releases."""


class Image(StrEnum):
    """What is built into an image; the value is the resource type in its repository's name."""

    PROCESSOR = "processor"
    """`services/event_applier` and `services/query_api`: one image, which kept its first name."""
    MIRROR = "mirrormaker"
    """`services/replicator`: copies the log where MSK Replicator is missing."""


class ImageRepositories(Construct):
    """One repository an image: immutable tags, scanned on push, copied from home's registry to the other.

    Covers: the other region's registry being gone; an image that changes under its tag. Does not cover: an
    image pushed before the copying was set up, or in an environment that does not own its account's
    registry settings (a registry has one): push to both regions there.
    The name is the same in both regions: the registry copies to a repository of the same name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.repositories = {image: self._repository(site, keys, image) for image in Image}
        if site.is_home and site.settings.profile.owns_account and site.has_standby:
            self._copy_to(site.peer)

    @staticmethod
    def name(site: Site, image: Image = Image.PROCESSOR) -> str:
        """A repository's name, the same in each region."""
        return site.names.regional_name(image)

    @staticmethod
    def uri(site: Site, image: Image = Image.PROCESSOR) -> str:
        """A repository's address in the registry of `site`'s region, with the settings' tag."""
        registry = f"{site.account}.dkr.ecr.{site.region.name}.amazonaws.com"
        return f"{registry}/{ImageRepositories.name(site, image)}:{site.settings.image_tag}"

    def _repository(self, site: Site, keys: Keys, image: Image) -> ecr.Repository:
        return ecr.Repository(
            self,
            image.name.capitalize(),
            repository_name=self.name(site, image),
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=keys.data,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description=f"Keep the newest {KEPT_IMAGES} images",
                    max_image_count=KEPT_IMAGES,
                )
            ],
            removal_policy=RemovalPolicy.DESTROY,
            empty_on_delete=True,
        )

    def _copy_to(self, peer: Site) -> None:
        configuration = ecr.CfnReplicationConfiguration
        configuration(
            self,
            "Copies",
            replication_configuration=configuration.ReplicationConfigurationProperty(
                rules=[
                    configuration.ReplicationRuleProperty(
                        destinations=[
                            configuration.ReplicationDestinationProperty(
                                region=peer.region.name, registry_id=peer.account
                            )
                        ],
                        repository_filters=[
                            configuration.RepositoryFilterProperty(
                                filter=f"{image}-", filter_type="PREFIX_MATCH"
                            )
                            for image in Image
                        ],
                    )
                ]
            ),
        )
