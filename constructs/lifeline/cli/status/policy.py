"""The rights that `lifeline status` needs, as a policy to attach to the people on call. It only reads."""

from __future__ import annotations

from typing import Any


def policy(
    *, suffix: str, home: str, recovery: str, witness: str, account: str = "*"
) -> dict[str, Any]:
    """An IAM policy. ListStateMachines and DescribeAlarms take no narrower resource that lists."""
    tables = [
        f"arn:*:dynamodb:{witness}:{account}:table/lease-{suffix}",
        *(
            f"arn:*:dynamodb:{region}:{account}:table/region-state-{suffix}"
            for region in (home, recovery)
        ),
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
                    for region in (home, recovery)
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
