"""Deterministic physical names (docs/mechanisms/settings.md): peers find each other by them.

`{resource-type}-{suffix}` where the namespace is one region's, `{resource-type}-{code}-{suffix}` where
regions share it, and buckets add the account. A name that is too long keeps its head and ends in eight
hexadecimal digits of a hash of the whole: it is never cut, so two long names never become one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ALARM_ACTIONS = "AlarmActions"
"""The parameter of an Observability stack that says whether its alarms tell anybody."""
ON, OFF = "true", "false"

HASH_DIGITS = 8
ACCOUNT_DIGITS = 12
REGION_CHARACTERS = 16
"""Room for the name of a region that is not known at synth."""

LONGEST = {
    "load-balancer": 32,
    "cache": 40,
    "backup-vault": 50,
    "database": 63,
    "bucket": 63,
    "function": 64,
    "role": 64,
    "kafka": 64,
    "rule": 64,
    "state-machine": 80,
    "stack": 128,
    "stream": 128,
    "table": 255,
    "alias": 250,
    "log-group": 512,
    "other": 128,
}
"""The longest name of each kind that its service takes (service quotas, November 2026)."""


def fitted(name: str, longest: int) -> str:
    """`name` if it fits, else its head and eight digits of its hash, exactly `longest` long."""
    if len(name) <= longest:
        return name
    digits = hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]
    return f"{name[: longest - HASH_DIGITS - 1].rstrip('-')}-{digits}"


@dataclass(frozen=True)
class Names:
    """The names of one environment, seen from one region.

    `account` is a 12-digit number or, where the account is not known at synth, a token that stands for
    one: it counts as twelve characters. So may `code` be a token for the region's name; it then stands at
    the end of a name, where nothing cuts it.
    """

    suffix: str
    code: str
    account: str

    def regional_name(self, resource_type: str, kind: str = "other") -> str:
        """A name in a namespace of its own in each region: `{type}-{suffix}`."""
        return fitted(f"{resource_type}-{self.suffix}", LONGEST[kind])

    def cross_region_name(self, resource_type: str, kind: str = "other") -> str:
        """A name in a namespace that regions share: `{type}-{code}-{suffix}`."""
        if self._code_is_token:
            head = fitted(f"{resource_type}-{self.suffix}", LONGEST[kind] - REGION_CHARACTERS - 1)
            return f"{head}-{self.code}"
        return fitted(f"{resource_type}-{self.code}-{self.suffix}", LONGEST[kind])

    def global_name(self, resource_type: str) -> str:
        """A bucket's name: `{type}-{code}-{account}-{suffix}`. The account is never cut."""
        code = REGION_CHARACTERS if self._code_is_token else len(self.code)
        around = code + len("--") + ACCOUNT_DIGITS + len(f"-{self.suffix}")
        head = fitted(resource_type, LONGEST["bucket"] - around)
        return f"{head}-{self.code}-{self.account}-{self.suffix}"

    @property
    def _code_is_token(self) -> bool:
        return self.code.startswith("${Token[")

    def in_region(self, code: str) -> Names:
        """The same environment's names in another region."""
        return Names(suffix=self.suffix, code=code, account=self.account)
