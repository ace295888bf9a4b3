"""Probes of what the tasks start from: the images under their tag, and the certificates they trust."""

from __future__ import annotations

import re

from lifeline.preflight.probe import Answers, Ask, Finding, Parameters, Place, Probe

IMAGE = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/([^:]+):(.+)")

WARN_DAYS = 90
"""Before a certificate authority of AWS's ends, clusters must be moved to its successor, with a restart."""
DAY = 86_400


def _images(place: Place) -> list[tuple[str, str]]:
    """Repository and tag of each image that a task starts from."""
    texts = {
        image
        for task in place.wanted("AWS::ECS::TaskDefinition")
        for container in task.properties.get("ContainerDefinitions", [])
        if isinstance(image := container.get("Image"), str)
    }
    matches = [match for text in sorted(texts) if (match := IMAGE.fullmatch(text))]
    return [(match[1], match[2]) for match in matches]


def _image_ids(place: Place, _answers: Answers) -> Parameters:
    return [
        {"repositoryName": repository, "imageIds": [{"imageTag": tag}]}
        for repository, tag in _images(place)
    ]


def _present(place: Place, answers: Answers) -> list[Finding]:
    found = []
    profile = f" PROFILE={place.profile}" if place.profile else ""
    for answer in answers.of("describe_images"):
        if answer.body is not None:
            continue
        repository = answer.parameters["repositoryName"]
        tag = answer.parameters["imageIds"][0]["imageTag"]
        found.append(
            Finding(
                f"{place.region} has no image {repository}:{tag}: its service would wait until it fails",
                f"make images SUFFIX={place.suffix}{profile}     # with the ARGS of make deploy",
            )
        )
    return found


def _certificates_current(place: Place, answers: Answers) -> list[Finding]:
    found = []
    clusters = " and ".join(
        sorted(one.text("DBClusterIdentifier") for one in place.wanted("AWS::RDS::DBCluster"))
    )
    default = answers.body("describe_certificates").get("DefaultCertificateForNewLaunches", "")
    known = {one.sha1 for one in place.bundle or ()}
    for one in answers.items("describe_certificates", "Certificates"):
        if default and one["CertificateIdentifier"] != default:
            continue
        left = (one["ValidTill"].timestamp() - place.now) / DAY
        if left < WARN_DAYS:
            found.append(
                Finding(
                    f"{one['CertificateIdentifier']}, which new clusters get in {place.region}, ends in "
                    f"{left:.0f} days",
                    f"aws rds modify-certificates --region {place.region} --certificate-identifier "
                    "<one that aws rds describe-certificates lists with a later ValidTill>",
                )
            )
        if place.bundle is not None and one["Thumbprint"].lower() not in known:
            found.append(
                Finding(
                    f"the bundle lacks {one['CertificateIdentifier']} of {place.region}: a client that "
                    f"verifies {clusters} refuses it",
                    "curl -fsO https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem     "
                    "# then make images with another imageTag",
                )
            )
    return found


def _bundle_current(place: Place, _answers: Answers) -> list[Finding]:
    if place.bundle is None:
        return []
    ended = sorted(one.subject for one in place.bundle if one.not_after < place.now)
    return (
        [
            Finding(
                f"the bundle holds {len(ended)} certificates that have ended, such as {ended[0]}",
                "curl -fsO https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem     "
                "# then make images with another imageTag",
            )
        ]
        if ended
        else []
    )


IMAGE_PROBES = (
    Probe(
        id="images",
        fact="Tasks start from images that each region's repository holds under the tag.",
        asks=(
            Ask(
                "ecr",
                "describe_images",
                "ecr:DescribeImages",
                _image_ids,
                absent=frozenset({"RepositoryNotFoundException", "ImageNotFoundException"}),
            ),
        ),
        expects="each image that a task definition names",
        if_not="the services never become stable, and their stack rolls back after hours",
        mend="`make images`",
        judge=_present,
        source="Amazon ECR API Reference, DescribeImages",
        types=("AWS::ECS::TaskDefinition",),
    ),
    Probe(
        id="certificates",
        fact="Clients verify the database by the certificate authorities in the images' bundle.",
        asks=(Ask("rds", "describe_certificates", "rds:DescribeCertificates"),),
        expects=f"the region's default authority in the bundle, with {WARN_DAYS} days to go",
        if_not="clients refuse the database, or will",
        mend="take the current bundle and make images with another imageTag",
        judge=lambda place, answers: [
            *_certificates_current(place, answers),
            *_bundle_current(place, answers),
        ],
        source="Amazon RDS API Reference, DescribeCertificates; Amazon Aurora User Guide, Using SSL/TLS",
        types=("AWS::RDS::DBCluster",),
    ),
)
