"""The pipeline that drills by itself: check, deploy, exercise, drill, validate, destroy; and the sweep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.failover.drill_alerts import DrillAlerts
from lifeline.failover.drill_boundary import TAG
from lifeline.failover.drill_names import DRILL_QUALIFIER, DRILL_SUFFIXES
from lifeline.failover.drill_rights import ExerciseRights
from lifeline.failover.drill_schedule import DrillSchedule
from lifeline.failover.pipeline_project import DrillProject, Machine
from lifeline.foundation.bucket import Bucket, BucketEmptying, Lifecycle
from lifeline.foundation.function import allow
from lifeline.foundation.images import Image, ImageRepositories
from lifeline.foundation.keys import Keys, Purpose
from lifeline.foundation.service_principal import service_principal
from lifeline.regions import Region
from lifeline.settings import DrillUse
from lifeline.site import Site

SOURCE_KEY = "source.zip"
SCENARIOS = (
    "api-dead",
    "control-plane-hang",
    "database-dead",
    "hang",
    "keeper-dead",
    "keepers-killed",
    "link-cut",
    "log-dead",
    "nat-gone",
    "noop",
    "plan-killed",
    "promotion-refused",
    "region-loss",
)
"""What `SCENARIO` may be: the names of `python -m drill list`."""
AWS_SCENARIOS = ("hang", "noop", "region-loss")
"""Those for which AWS has means: what `python -m drill aws` takes."""
DEPLOYING_ROLES = ("deploy", "file-publishing", "lookup")
DESTROYING_ROLES = ("deploy", "lookup")
DRILL_PROFILE = "dev"
ARTIFACT_DAYS = 90
EVIDENCE = {"Exercise": "AwsDrill", "Drill": "Evidence"}
"""Stage → the artifact that it leaves for Validate.

CodePipeline puts each under the pipeline's name and its own, of which it takes ten letters.
"""
SCENARIO, ENVIRONMENT = "SCENARIO", "ENVIRONMENT"
CHECK = Machine(size="large", timeout_minutes=60)
DEPLOY = Machine(size="medium", timeout_minutes=240)
EXERCISE = Machine(size="medium", timeout_minutes=120)
DRILL = Machine(size="large", timeout_minutes=60)
VALIDATE = Machine(size="small", timeout_minutes=30)
DESTROY = Machine(size="medium", timeout_minutes=240)


class DrPipeline(Construct):
    """A CodePipeline of type V2 in the home region, one run after another.

    Variables of a run: `SCENARIO` (`python -m drill list`) and `ENVIRONMENT` (`yes` deploys a throw-away
    environment into both regions, makes it active and drills it). The lab is drilled in every run.
    Covers: objectives that no longer hold and that nobody noticed; leftovers that keep billing (a run that
    ends badly starts the sweep, which is also due every day). Does not cover: the loss of the home region,
    which takes the pipeline with it; `make drill` needs only a laptop.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        emptying: BucketEmptying,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if not site.is_home:
            raise ValueError(
                f"The drill pipeline cannot be in {site.region.name}; allowed is the home region "
                f"{site.settings.home.name}."
            )
        self._site, self._keys = site, keys
        self.pipeline_name = site.names.regional_name("drill")
        self.pipeline_arn = site.arn("codepipeline", self.pipeline_name)
        self.artifacts = Bucket(
            self,
            "Artifacts",
            site=site,
            keys=keys,
            name="pipeline",
            purpose=Purpose.LOGS,
            emptying=emptying,
            access_log=Bucket.access_log_of(site),
            lifecycle=Lifecycle(noncurrent_days=ARTIFACT_DAYS),
            not_replicated="A copy would serve nobody: the pipeline stands in the home region only, and what "
            "a run found is kept in the evidence bucket.",
        )
        self._evidence = site.bucket_arn(site.names.global_name("evidence"))
        self.stages = (
            self._check(),
            self._deploy(),
            self._exercise(),
            self._drill(),
            self._validate(),
            self._destroy("destroy", "Destroys the environment of a run that passed"),
        )
        self.sweep = self._destroy("sweep", "Destroys what runs left behind", in_pipeline=False)
        self._pipeline()
        DrillSchedule(self, "Schedule", site=site, pipeline_name=self.pipeline_name)
        DrillAlerts(self, "Alerts", site=site, pipeline_name=self.pipeline_name, sweep=self.sweep)

    def _check(self) -> DrillProject:
        return self._project("check", "Checks the source", CHECK)

    def _deploy(self) -> DrillProject:
        made = self._project("deploy", "Deploys a throw-away environment in both regions", DEPLOY)
        site = self._site
        self._assume(made, DEPLOYING_ROLES)
        # Once only: what runs later in the stage, from the source itself, cannot put another source in its
        # place for the sweep to run (Amazon S3 User Guide, "Enforce conditional writes").
        self._keep_source(made, ["s3:PutObject"], {"Null": {"s3:if-none-match": "false"}})
        regions = (site, site.peer)
        made.allow(
            "ReadTheImage",
            ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [
                one.arn("ecr", f"repository/{ImageRepositories.name(one, image)}")
                for one in regions
                for image in Image
            ],
        )
        copies = [
            one.arn("ecr", f"repository/{image}-{DRILL_SUFFIXES}")
            for one in regions
            for image in Image
        ]
        made.allow(
            "CopyTheImage",
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            copies,
        )
        self._see_whether_alarms_are_new(made)
        made.allow(
            "FindTheApi",
            ["apigateway:GET"],
            [f"arn:{site.partition}:apigateway:{one.region.name}::/restapis" for one in regions],
        )
        return made

    def _exercise(self) -> DrillProject:
        made = self._drilling(
            "exercise",
            "Activates and drills a throw-away environment",
            EXERCISE,
            "chain/aws/latest.json",
        )
        ExerciseRights(self._site, DRILL_SUFFIXES).give(made)
        return made

    def _drill(self) -> DrillProject:
        return self._drilling("drill", "Drills in the emulated lab", DRILL, "chain/latest.json")

    def _drilling(self, step: str, description: str, machine: Machine, chain: str) -> DrillProject:
        made = self._project(
            step,
            description,
            machine,
            artifacts={"base-directory": "build/drill/latest", "files": ["**/*"]},
        )
        # Only its own artifact: what it wrote over the source of the run, the last stage would run.
        artifact = EVIDENCE[step.capitalize()]
        self._use_artifacts(
            made.policy, made, ["s3:PutObject"], "WriteEvidenceArtifact", artifact=artifact
        )
        made.allow("ReadTheLastEvidence", ["s3:GetObject"], [f"{self._evidence}/{chain}"])
        made.allow(
            "SeeWhetherThereIsOne",
            ["s3:ListBucket"],
            [self._evidence],
            {"StringEquals": {"s3:prefix": chain}},
        )
        made.allow("DecryptEvidence", ["kms:Decrypt"], [self._keys.data.key_arn])
        return made

    def _validate(self) -> DrillProject:
        made = self._project("validate", "Judges the evidence and keeps it", VALIDATE)
        kept = [f"{self._evidence}/{folder}/*" for folder in ("drills", "drills-failed")]
        chains = [f"{self._evidence}/chain/{name}" for name in ("latest.json", "aws/latest.json")]
        made.allow("KeepEvidence", ["s3:PutObject"], [*kept, *chains])
        made.acknowledge_pattern(*kept, reason="Each drill has a folder of its own name.")
        made.allow(
            "EncryptEvidence", ["kms:Decrypt", "kms:GenerateDataKey"], [self._keys.data.key_arn]
        )
        made.allow(
            "PublishTimes",
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": "Lifeline"}},
        )
        acknowledge(
            made.policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="PutMetricData takes no resource; the condition allows our namespace alone.",
        )
        return made

    def _destroy(self, step: str, description: str, *, in_pipeline: bool = True) -> DrillProject:
        made = self._project(step, description, DESTROY, in_pipeline=in_pipeline)
        self._assume(made, DESTROYING_ROLES)
        self._see_which_region_writes(made)
        self._delete_what_a_takeover_left(made)
        ExerciseRights(self._site, DRILL_SUFFIXES).give_heal(made)
        if in_pipeline:
            self._keep_source(made, ["s3:DeleteObject"])
            self._find_what_is_over(made)
            return made
        self._keep_source(made, ["s3:GetObject", "s3:DeleteObject"])
        made.allow(
            "ListWhatWasDeployed",
            ["s3:ListBucket"],
            [self.artifacts.bucket_arn],
            {"StringEquals": {"s3:prefix": "deployed/"}},
        )
        made.allow("SeeWhatRuns", ["codepipeline:GetPipelineExecution"], [self.pipeline_arn])
        return made

    def _see_whether_alarms_are_new(self, project: DrillProject) -> None:
        """What scripts/before_deploy.py asks, so that the environment's alarms are quiet at first."""
        site, settings = self._site, self._site.settings
        lease_region = (settings.witness or settings.home).name
        lease = (
            f"arn:{site.partition}:dynamodb:{lease_region}:{site.account}:"
            f"table/lease-{DRILL_SUFFIXES}"
        )
        project.allow("SeeWhetherItWasActive", ["dynamodb:GetItem"], [lease])
        stacks = [
            one.arn("cloudformation", f"stack/observability-{one.region.code}-{DRILL_SUFFIXES}/*")
            for one in (site, site.peer)
        ]
        project.allow("SeeWhetherAlarmsAreNew", ["cloudformation:DescribeStacks"], stacks)
        project.acknowledge_pattern(
            *stacks, reason="CloudFormation puts an id of its own behind a stack's name."
        )

    def _see_which_region_writes(self, project: DrillProject) -> None:
        """What scripts/before_destroy.py asks, in the home region and of what a takeover left."""
        site = self._site
        database = site.global_arn("rds", f"global-cluster:global-{DRILL_SUFFIXES}")
        cache = site.arn("elasticache", f"replicationgroup:cache-{DRILL_SUFFIXES}")
        # The service puts five letters of its own before the name.
        global_cache = site.global_arn(
            "elasticache", f"globalreplicationgroup:*-cache-{DRILL_SUFFIXES}"
        )
        project.allow("SeeWhichRegionWrites", ["rds:DescribeGlobalClusters"], [database])
        # After a drill the other region writes; the home region's members take the writes back.
        at_home = site.arn("rds", f"cluster:database-{site.region.code}-{DRILL_SUFFIXES}")
        project.allow("WriteAtHomeAgain", ["rds:SwitchoverGlobalCluster"], [database, at_home])
        project.allow(
            "CacheAtHomeAgain", ["elasticache:FailoverGlobalReplicationGroup"], [global_cache]
        )
        detached = site.peer.arn(
            "rds", f"cluster:database-{site.peer.region.code}-{DRILL_SUFFIXES}"
        )
        project.allow("SeeWhatATakeoverDetached", ["rds:DescribeDBClusters"], [detached])
        project.allow("FindTheCache", ["elasticache:DescribeReplicationGroups"], [cache])
        project.allow(
            "SeeWhichRegionCaches", ["elasticache:DescribeGlobalReplicationGroups"], [global_cache]
        )
        project.acknowledge_pattern(
            global_cache,
            reason="The service puts letters of its own before the datastore's name.",
        )

    def _find_what_is_over(self, project: DrillProject) -> None:
        """What `lifeline sweep` asks: the stacks of a region by their tags, which takes ListStacks, too."""
        project.allow(
            "FindWhatIsOver",
            ["cloudformation:DescribeStacks", "cloudformation:ListStacks"],
            ["*"],
            {"StringEquals": {"aws:RequestedRegion": [one.name for one in self._regions()]}},
        )
        acknowledge(
            project.policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="Listing stacks takes no resource; the condition allows the regions of the environments.",
        )

    def _delete_what_a_takeover_left(self, project: DrillProject) -> None:
        """What scripts/after_destroy.py does, in the recovery region."""
        secret = self._site.peer.arn(
            "secretsmanager", f"secret:database-admin-{DRILL_SUFFIXES}-??????"
        )
        project.allow(
            "DeleteTheSecretLeft",
            ["secretsmanager:DescribeSecret", "secretsmanager:DeleteSecret"],
            [secret],
        )
        peer = self._site.peer
        stack = peer.arn("cloudformation", f"stack/data-{peer.region.code}-{DRILL_SUFFIXES}/*")
        project.allow("SeeThatItsStackIsGone", ["cloudformation:DescribeStacks"], [stack])
        project.acknowledge_pattern(
            stack, reason="CloudFormation puts an id of its own behind a stack's name."
        )

    def _project(
        self,
        step: str,
        description: str,
        machine: Machine,
        *,
        in_pipeline: bool = True,
        artifacts: Mapping[str, object] | None = None,
    ) -> DrillProject:
        made = DrillProject(
            self,
            step.capitalize(),
            site=self._site,
            step=step,
            description=description,
            machine=machine,
            environment=self._environment(),
            keys=self._keys,
            in_pipeline=in_pipeline,
            artifacts=artifacts,
        )
        made.allow(
            "UseArtifactsKey", ["kms:Decrypt", "kms:GenerateDataKey"], [self._keys.logs.key_arn]
        )
        if in_pipeline:
            self._use_artifacts(
                made.policy, made, ["s3:GetObject", "s3:GetObjectVersion"], "ReadArtifacts"
            )
        return made

    def _environment(self) -> dict[str, str]:
        """What the shell steps are told; the two variables of a run come from the pipeline."""
        settings = self._site.settings
        witness = settings.witness_region or "none"
        chosen = {
            "homeRegion": settings.home_region,
            "recoveryRegion": settings.recovery_region,
            "witnessRegion": witness,
            "imageTag": settings.image_tag,
            "drills": DrillUse.FREELY,
            "@aws-cdk/core:bootstrapQualifier": DRILL_QUALIFIER,
        }
        return {
            "AWS_SCENARIOS": " ".join(AWS_SCENARIOS),
            "ARTIFACTS_BUCKET": self.artifacts.bucket_name,
            "DRILL_PROFILE": DRILL_PROFILE,
            "DRILL_SUFFIXES": DRILL_SUFFIXES,
            "DRILL_SETTINGS": " ".join(f"-c {key}={value}" for key, value in chosen.items()),
            "EVIDENCE_BUCKET": self._site.names.global_name("evidence"),
            "HOME_CODE": settings.home.code,
            "HOME_REGION": settings.home_region,
            "IMAGE_TAG": settings.image_tag,
            "OWN_SUFFIX": settings.environment_suffix,
            "PIPELINE": self.pipeline_name,
            "RECOVERY_CODE": settings.recovery.code,
            "RECOVERY_REGION": settings.recovery_region,
            "SCENARIOS": " ".join(SCENARIOS),
            "TIER": settings.tier.name,
            "WITNESS_REGION": witness,
        }

    def _regions(self) -> list[Region]:
        settings = self._site.settings
        return [one for one in (settings.home, settings.recovery, settings.witness) if one]

    def _assume(self, project: DrillProject, kinds: Sequence[str]) -> None:
        """The bootstrap's roles, each by name: all that a deployment is allowed by itself."""
        site = self._site
        project.allow(
            "AssumeTheBootstrapRoles",
            # Tagged, so that CloudTrail tells whose session it was: one without the tag is refused.
            ["sts:AssumeRole", "sts:TagSession"],
            [
                site.global_arn(
                    "iam",
                    f"role/cdk-{DRILL_QUALIFIER}-{kind}-role-{site.account}-{region.name}",
                )
                for region in self._regions()
                for kind in kinds
            ],
            {"StringLike": {f"aws:RequestTag/{TAG}": DRILL_SUFFIXES}},
        )

    def _keep_source(
        self,
        project: DrillProject,
        actions: Sequence[str],
        conditions: Mapping[str, object] | None = None,
    ) -> None:
        """`deployed/{execution}.zip`: what was deployed and is not destroyed yet."""
        pattern = self.artifacts.objects("deployed/*")
        project.allow("SourceOfWhatWasDeployed", actions, [pattern], conditions)
        project.acknowledge_pattern(pattern, reason="One object for each execution, by its id.")

    def _use_artifacts(
        self,
        policy: iam.ManagedPolicy,
        owner: Construct,
        actions: Sequence[str],
        sid: str,
        artifact: str = "",
    ) -> None:
        folder = f"{self.pipeline_name}/{artifact}" if artifact else self.pipeline_name
        pattern = self.artifacts.objects(f"{folder}/*")
        allow(policy, sid, actions, [pattern])
        acknowledge_pattern(
            policy,
            pattern,
            reason="CodePipeline names the artifacts of a run, all under the pipeline's name.",
        )

    def _pipeline(self) -> None:
        site = self._site
        role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("drill", "role"),
            description="Starts the stages of the drill pipeline",
            assumed_by=service_principal("codepipeline.amazonaws.com", site),
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[role])
        allow(
            policy,
            "RunTheStages",
            ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
            [one.arn for one in self.stages],
        )
        allow(
            policy,
            "UseArtifactsKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [self._keys.logs.key_arn],
        )
        actions = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
        self._use_artifacts(policy, self, actions, "Artifacts")
        self._source_access(policy)
        self.pipeline = codepipeline.CfnPipeline(
            self,
            "Pipeline",
            name=self.pipeline_name,
            pipeline_type="V2",
            execution_mode="QUEUED",
            role_arn=role.role_arn,
            restart_execution_on_update=False,
            artifact_store=codepipeline.CfnPipeline.ArtifactStoreProperty(
                type="S3",
                location=self.artifacts.bucket.bucket_name,
                encryption_key=codepipeline.CfnPipeline.EncryptionKeyProperty(
                    id=self._keys.logs.key_arn, type="KMS"
                ),
            ),
            variables=[
                codepipeline.CfnPipeline.VariableDeclarationProperty(
                    name=SCENARIO,
                    default_value="region-loss",
                    description="What breaks: python -m drill list",
                ),
                codepipeline.CfnPipeline.VariableDeclarationProperty(
                    name=ENVIRONMENT,
                    default_value="no",
                    description="yes: deploy a throw-away environment in both regions around the drill",
                ),
            ],
            stages=[self._source(), *self._approval(), *(_stage(one) for one in self.stages)],
        )
        self.pipeline.node.add_dependency(policy)

    def _source_access(self, policy: iam.ManagedPolicy) -> None:
        repository = self._site.settings.repository
        if repository is not None:
            allow(
                policy,
                "UseTheConnection",
                ["codeconnections:UseConnection", "codestar-connections:UseConnection"],
                [repository.connection_arn],
            )
            return
        allow(
            policy,
            "ReadTheSource",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [self.artifacts.objects(SOURCE_KEY)],
        )
        allow(policy, "SeeItsVersions", ["s3:GetBucketVersioning"], [self.artifacts.bucket_arn])

    def _source(self) -> codepipeline.CfnPipeline.StageDeclarationProperty:
        """Never starts a run by itself: runs are scheduled, or started by a person."""
        repository = self._site.settings.repository
        if repository is None:
            provider = "S3"
            configuration = {
                "S3Bucket": self.artifacts.bucket_name,
                "S3ObjectKey": SOURCE_KEY,
                "PollForSourceChanges": "false",
            }
        else:
            provider = "CodeStarSourceConnection"
            configuration = {
                "ConnectionArn": repository.connection_arn,
                "FullRepositoryId": repository.name,
                "BranchName": repository.branch,
                "DetectChanges": "false",
                "OutputArtifactFormat": "CODE_ZIP",
            }
        action = _action("Source", "Source", provider, configuration, outputs=["Source"])
        return codepipeline.CfnPipeline.StageDeclarationProperty(name="Source", actions=[action])

    def _approval(self) -> list[codepipeline.CfnPipeline.StageDeclarationProperty]:
        """A person's yes before anything of a branch runs. A bucket's source was put there by one."""
        repository = self._site.settings.repository
        if repository is None:
            return []
        words = f"May {repository.branch} of {repository.name} run with the drill's roles?"
        action = _action("Approve", "Approval", "Manual", {"CustomData": words})
        return [codepipeline.CfnPipeline.StageDeclarationProperty(name="Approve", actions=[action])]


def _stage(project: DrillProject) -> codepipeline.CfnPipeline.StageDeclarationProperty:
    name = project.node.id
    told = {
        "EXECUTION_ID": "#{codepipeline.PipelineExecutionId}",
        SCENARIO: f"#{{variables.{SCENARIO}}}",
        ENVIRONMENT: f"#{{variables.{ENVIRONMENT}}}",
    }
    configuration = {
        "ProjectName": project.name,
        "EnvironmentVariables": json.dumps(
            [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in told.items()]
        ),
    }
    inputs = ["Source"]
    if name == "Validate":
        inputs += EVIDENCE.values()
        configuration["PrimarySource"] = "Source"
    action = _action(
        name,
        "Build",
        "CodeBuild",
        configuration,
        inputs=inputs,
        outputs=[EVIDENCE[name]] if name in EVIDENCE else [],
    )
    return codepipeline.CfnPipeline.StageDeclarationProperty(name=name, actions=[action])


def _action(
    name: str,
    category: str,
    provider: str,
    configuration: Mapping[str, str],
    *,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
    return codepipeline.CfnPipeline.ActionDeclarationProperty(
        name=name,
        action_type_id=codepipeline.CfnPipeline.ActionTypeIdProperty(
            category=category, owner="AWS", provider=provider, version="1"
        ),
        configuration=dict(configuration),
        input_artifacts=[
            codepipeline.CfnPipeline.InputArtifactProperty(name=one) for one in inputs
        ],
        output_artifacts=[
            codepipeline.CfnPipeline.OutputArtifactProperty(name=one) for one in outputs
        ],
    )
