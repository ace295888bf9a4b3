"""The rights that `lifeline status` needs, as a policy to attach to the people on call. It only reads."""

from __future__ import annotations

from typing import Any

from lifeline.cli.options import NO_STANDBY, NO_WITNESS


def policy(
    *, suffix: str, home: str, recovery: str, witness: str, account: str = "*"
) -> dict[str, Any]:
    """An IAM policy. ListStateMachines and DescribeAlarms take no narrower resource that lists."""
    regions = [one for one in (home, recovery) if one != NO_STANDBY]
    # Without a witness each region has a lease of its own (A21).
    leases = regions if witness == NO_WITNESS else [witness]
    tables = [
        *(f"arn:*:dynamodb:{region}:{account}:table/lease-{suffix}" for region in leases),
        *(f"arn:*:dynamodb:{region}:{account}:table/region-state-{suffix}" for region in regions),
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadLeaseAndReports",
                "Effect": "Allow",
                "Action": ["dynamodb:BatchGetItem"],
                "Resource": tables,
            },
            {
                "Sid": "ReadThePlansHistory",
                "Effect": "Allow",
                "Action": ["states:GetExecutionHistory"],
                "Resource": [
                    f"arn:*:states:{region}:{account}:execution:failover-plan-{suffix}:*"
                    for region in regions
                ],
            },
            {
                "Sid": "ListAlarmsAndPlans",
                "Effect": "Allow",
                "Action": ["cloudwatch:DescribeAlarms", "states:ListStateMachines"],
                "Resource": "*",
            },
        ],
    }
