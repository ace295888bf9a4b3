"""What CloudWatch, Logs and CloudFormation itself refuse."""

from __future__ import annotations

from typing import Any

from lab.refusals.row import Row
from lab.refusals.situation import Case, Resource
from lab.refusals.values import has_unknown

ALARM, GROUP, KEY = "AWS::CloudWatch::Alarm", "AWS::Logs::LogGroup", "AWS::KMS::Key"
PUT_ALARM = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"
)
SHORT_PERIODS = (10, 20, 30)
MOST_SECONDS_SHORT, MOST_SECONDS = 86_400, 7 * 86_400
AN_HOUR = 3_600


def _period(case: Case) -> object:
    period = case.resource.number("Period")
    wrong = period is not None and period not in SHORT_PERIODS and period % 60 != 0
    return wrong and f"{period:g} s"


def _evaluated(case: Case) -> object:
    period, count = case.resource.number("Period"), case.resource.number("EvaluationPeriods")
    if period is None or count is None:
        return False
    most = MOST_SECONDS if period >= AN_HOUR else MOST_SECONDS_SHORT
    return period * count > most and f"{period * count:g} s"


def _more_than_looked_at(case: Case) -> object:
    least, count = (
        case.resource.number("DatapointsToAlarm"),
        case.resource.number("EvaluationPeriods"),
    )
    return least is not None and count is not None and least > count and f"{least:g} of {count:g}"


def _statements(key: Resource) -> list[Any]:
    found = key.known("KeyPolicy")
    statements = found.get("Statement", []) if isinstance(found, dict) else []
    return statements if isinstance(statements, list) else [statements]


def _key_closed_to_logs(case: Case) -> str:
    """Of a key in the same template; of another one nothing is known."""
    service = f"logs.{case.situation.region}.amazonaws.com"
    allowed = {service, "logs.amazonaws.com", "*"}
    for key in case.situation.of_type(KEY):
        if not case.resource.refers_to(key) or has_unknown(key.at("KeyPolicy")):
            continue
        named = [one.get("Principal") for one in _statements(key) if isinstance(one, dict)]
        services = {
            each
            for one in named
            for each in _listed(one.get("Service") if isinstance(one, dict) else one)
        }
        if not services & allowed:
            return f"{key.path} does not name {service}"
    return ""


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


ROWS = (
    Row(
        id="alarm-period",
        types=(ALARM,),
        refuses=_period,
        sentence="An alarm's period is 10, 20 or 30 seconds or whole minutes.",
        source=f"{PUT_ALARM} (Period)",
    ),
    Row(
        id="alarm-that-looks-back-too-far",
        types=(ALARM,),
        refuses=_evaluated,
        sentence="An alarm looks at a day; with periods of an hour and more, at seven.",
        source=f"{PUT_ALARM} (Period)",
    ),
    Row(
        id="alarm-on-more-points-than-it-looks-at",
        types=(ALARM,),
        refuses=_more_than_looked_at,
        sentence="DatapointsToAlarm is not greater than EvaluationPeriods.",
        source=f"{PUT_ALARM} (DatapointsToAlarm)",
    ),
    Row(
        id="log-group-with-a-key-closed-to-it",
        types=(GROUP,),
        refuses=_key_closed_to_logs,
        sentence="The policy of a log group's key lets CloudWatch Logs of the region use it.",
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    ),
)
