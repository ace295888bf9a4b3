"""The four steps, over two ports. Each may be repeated: called again, it ends as if called once.

The new password waits under the stage AWSPENDING until the database took it and a sign-in worked; only
then does it become AWSCURRENT. Stopped anywhere, the current password stays the one that works, or the
pending one works already and the next call finds that out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"


class NotWritable(Exception):
    """The database here is a replica: home is not active. Secrets Manager tries again later."""


class Refused(Exception):
    """The database refused the sign-in."""


class SecretVersions(Protocol):
    """The secret in Secrets Manager."""

    def stages(self) -> Mapping[str, list[str]]:
        """The stages of each version."""

    def read(self, stage: str, version: str | None = None) -> dict[str, str] | None:
        """The value under `stage`, of `version` if given; None: there is none."""

    def new_password(self) -> str:
        """A random password."""

    def put_pending(self, version: str, value: Mapping[str, str]) -> None:
        """Store `value` as `version` under the stage PENDING."""

    def make_current(self, version: str, instead_of: str | None) -> None:
        """Move the stage CURRENT to `version`."""


class Admin(Protocol):
    """The database, signed in to as the administrator. Each raises Refused for a wrong password."""

    def is_replica(self) -> bool:
        """Whether nothing can be written here."""

    def set_password(self, user: str, password: str) -> None:
        """Change it."""


SignIn = Callable[[Mapping[str, str]], Admin]
"""Sign in with a secret's value. Raises Refused."""


@dataclass(frozen=True)
class Rotation:
    """One rotation towards `version`."""

    secret: SecretVersions
    sign_in: SignIn
    version: str

    def run(self, step: str) -> str:
        """Run one step; what was done. Raises ValueError for a version that is not being rotated to."""
        steps = {
            "createSecret": self._create,
            "setSecret": self._set,
            "testSecret": self._test,
            "finishSecret": self._finish,
        }
        if step not in steps:
            raise ValueError(f"there is no step {step!r}; the steps are {', '.join(steps)}")
        stages = self.secret.stages().get(self.version)
        if stages is None:
            raise ValueError(f"version {self.version} is not one of this secret's")
        if CURRENT in stages:
            return "this version is the current one already"
        if PENDING not in stages:
            raise ValueError(f"version {self.version} is not staged as {PENDING}")
        return steps[step]()

    def _create(self) -> str:
        if self.secret.read(PENDING, self.version) is not None:
            return "a new password waits already"
        current = self._current()
        self.secret.put_pending(self.version, {**current, "password": self.secret.new_password()})
        return "a new password waits"

    def _set(self) -> str:
        pending = self._pending()
        try:
            self.sign_in(pending)
        except Refused:
            admin = self.sign_in(self._current())
        else:
            return "the database knows the new password already"
        if admin.is_replica():
            raise NotWritable(
                "this region's database is a replica: its admin changes where it writes"
            )
        admin.set_password(pending["username"], pending["password"])
        return "the database knows the new password"

    def _test(self) -> str:
        self.sign_in(self._pending())
        return "signed in with the new password"

    def _finish(self) -> str:
        before = [one for one, stages in self.secret.stages().items() if CURRENT in stages]
        self.secret.make_current(self.version, before[0] if before else None)
        return "the new password is the current one"

    def _current(self) -> dict[str, str]:
        value = self.secret.read(CURRENT)
        if value is None:
            raise ValueError("the secret has no current value to rotate from")
        return value

    def _pending(self) -> dict[str, str]:
        value = self.secret.read(PENDING, self.version)
        if value is None:
            raise ValueError(f"version {self.version} has no value: createSecret must come first")
        return value
