"""What stands before the API: managed rules against known attacks, and a limit for each address."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.site import Site

RATE_WINDOW_SECONDS = 60
API_SHARE = 2
"""A hospital's edges share one address: it may use half of what the API takes, and not more, so that one
address cannot shut out the others."""

COUNTED_BODY_RULES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
)
"""Counted, not blocked. Batches are up to megabytes, and the rules look at the first 16 KiB only. A free
text that looks like a script would make a whole batch 403, which its edge sends again for ever; no text is
ever rendered, fetched or opened here, and what is not a valid event goes to error.dlq."""

COUNTED_BAD_INPUT_RULES = ("Log4JRCE_BODY", "JavaDeserializationRCE_BODY")
"""Counted for the same reason: no Java reads a body here, and a note may quote what these rules look for. In
headers, paths and queries they block."""

MANAGED_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AWSManagedRulesAmazonIpReputationList", ()),
    ("AWSManagedRulesCommonRuleSet", COUNTED_BODY_RULES),
    ("AWSManagedRulesKnownBadInputsRuleSet", COUNTED_BAD_INPUT_RULES),
)


class EdgeShield(Construct):
    """A web ACL of the region, its log without credentials, and its association with the API's stage.

    Covers: known attacks, addresses of bad repute, one address that floods. Does not cover: a valid client
    that sends nonsense (the bridge rejects it); a caller that a managed list names wrongly: it is answered
    403 in both regions, keeps its events, and shows in the log and in `metric_blocked`. A request without a
    `User-Agent` is blocked.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        stage_arn: str,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site = site
        self.name = site.names.regional_name("edges")
        self.acl = wafv2.CfnWebACL(
            self,
            "Acl",
            name=self.name,
            description="Before the events API",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            rules=[
                self._rate_limit(),
                *(
                    self._managed(number, group, counted)
                    for number, (group, counted) in enumerate(MANAGED_GROUPS, start=1)
                ),
            ],
            visibility_config=_seen_as(self.name),
        )
        self._log(keys)
        wafv2.CfnWebACLAssociation(
            self, "Association", resource_arn=stage_arn, web_acl_arn=self.acl.attr_arn
        )

    def metric_blocked(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Requests a minute that any rule blocked."""
        return metric(
            "AWS/WAFV2",
            "BlockedRequests",
            {
                "WebACL": self.name,
                "Region": self._site.region.name,
                "Rule": "ALL",
            },
            default_statistic="Sum",
            **options,
        )

    def _rate_limit(self) -> wafv2.CfnWebACL.RuleProperty:
        return wafv2.CfnWebACL.RuleProperty(
            name="OneAddress",
            priority=0,
            action=wafv2.CfnWebACL.RuleActionProperty(block={}),
            statement=wafv2.CfnWebACL.StatementProperty(
                rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                    aggregate_key_type="IP",
                    evaluation_window_sec=RATE_WINDOW_SECONDS,
                    limit=self._site.settings.capacity.requests_per_second
                    // API_SHARE
                    * RATE_WINDOW_SECONDS,
                )
            ),
            visibility_config=_seen_as("OneAddress"),
        )

    @staticmethod
    def _managed(
        priority: int, group: str, counted: tuple[str, ...]
    ) -> wafv2.CfnWebACL.RuleProperty:
        return wafv2.CfnWebACL.RuleProperty(
            name=group,
            priority=priority,
            override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
            statement=wafv2.CfnWebACL.StatementProperty(
                managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                    vendor_name="AWS",
                    name=group,
                    rule_action_overrides=[
                        wafv2.CfnWebACL.RuleActionOverrideProperty(
                            name=rule,
                            action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={}),
                        )
                        for rule in counted
                    ]
                    or None,
                )
            ),
            visibility_config=_seen_as(group),
        )

    def _log(self, keys: Keys) -> None:
        # The service takes no log group whose name begins otherwise.
        name = f"aws-waf-logs-{self.name}"
        group = log_group(
            self,
            "Log",
            site=self._site,
            keys=keys,
            name=name,
        )
        logging = wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            # Not the group's own attribute, which ends in `:*` and is refused.
            log_destination_configs=[self._site.arn("logs", f"log-group:{name}")],
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(
                    single_header={"Name": "authorization"}
                )
            ],
        )
        logging.node.add_dependency(group)


def _seen_as(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    """Sampled requests stay off: a sample would show headers, the token among them, in the console."""
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
