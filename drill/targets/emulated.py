"""The account of a lab: what the AWS target is given where calls go to an emulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from drill.targets import TargetError
from drill.targets.aws import Account
from drill.targets.local import LocalTarget, alarms_seen
from lab.folder import port_base_of_running
from lab.overrides import token_url
from lab.places import DATA_REGIONS, LOOPBACK, Places
from lab.told_metrics import metric_lines, templates
from lab.waiting import LabError


def emulated_account(workdir: Path, suffix: str, client: Callable[[str, str], Any]) -> Account:
    """The lab that runs in `workdir`. Raises TargetError when none runs there.

    Its APIs listen elsewhere than the stacks' outputs say, and the emulator keeps alarms and never
    evaluates them.
    """
    try:
        places = Places(port_base_of_running(workdir))
    except LabError as error:
        raise TargetError(str(error)) from error
    return Account(
        client=client,
        place=LocalTarget.name,
        doors={
            region: (f"http://{LOOPBACK}:{places.gateway(region)}", token_url(places, region))
            for region in DATA_REGIONS
        },
        alarms=lambda start, end: alarms_seen(
            templates(workdir), metric_lines(workdir), suffix=suffix, start=start, end=end
        ),
        exceptions=LocalTarget.exceptions,
        untold_alarms=LocalTarget.untold_alarms,
        least_share_answered=LocalTarget.least_share_answered,
    )
