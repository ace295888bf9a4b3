"""Sessions of API clients: a token that was checked once is not checked again for a while.

The API's authorizer has checked it before; this is a second lock, for whoever reaches the task past the API.
What is not known admits: when the pool's keys cannot be had, the API's word is enough. So it is where no
token came at all: the API of the release before this one hands none on, and stands in front of this service
while a release is deployed or taken back. The next release may refuse that.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from hashlib import sha256

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.services.query_api.cache_entry import Kind
from lifeline.services.query_api.http_api import Answer
from lifeline.services.query_api.session_cache import SessionCache
from lifeline.services.query_api.token_check import NotAdmitted, Session, TokenCheck, Unknown
from lifeline.services.shared.log_lines import say

SESSION_SECONDS = 300.0
"""As the API's authorizer keeps its own; never longer than the token is good."""
REMEMBERED = 512
UNAUTHORIZED: Answer = (401, {"error": "UNAUTHORIZED"})
LACKS_SCOPE: Answer = (403, {"error": "ACCESS_DENIED"})


class Sessions:
    """`epoch` answers the one at which this region serves, None while it does not: then no cache is asked."""

    def __init__(
        self,
        check: TokenCheck,
        scope: str,
        *,
        cache: SessionCache | None = None,
        epoch: Callable[[], int | None] = lambda: None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._check, self._scope, self._cache = check, scope, cache
        self._epoch, self._clock = epoch, clock
        self._lock = threading.Lock()
        self._known: dict[bytes, Session] = {}

    def admit(self, header: str) -> Answer | None:
        """None, or why not. `header`: `Bearer` and the token, or the token alone."""
        if not header:
            say("token not checked: the API handed none on")
            return None
        token = header.removeprefix("Bearer ").strip()
        try:
            session = self._session(token)
        except NotAdmitted:
            return UNAUTHORIZED
        except Unknown:
            say("token not checked: the pool's keys cannot be had")
            return None
        return None if self._scope in session.scopes else LACKS_SCOPE

    def _session(self, token: str) -> Session:
        """Out of memory, out of the cache, or checked now."""
        digest = sha256(token.encode()).digest()
        with self._lock:
            found = self._known.get(digest)
        if found is not None and found.expires > self._clock.now():
            return found
        epoch = self._epoch()
        found = self._kept(digest, epoch)
        if found is None:
            found = self._brief(self._check.session(token))
            self._keep(digest, epoch, found)
        with self._lock:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[digest] = found
        return found

    def _brief(self, session: Session) -> Session:
        """It ends with the token, or sooner."""
        end = min(session.expires, self._clock.now() + SESSION_SECONDS)
        return Session(session.client, session.scopes, end)

    def _kept(self, digest: bytes, epoch: int | None) -> Session | None:
        if self._cache is None or epoch is None:
            return None
        content = self._cache.read(Kind.SESSION, digest.hex(), epoch)
        if content is None:
            return None
        client, scopes, expires = json.loads(content)  # sealed: this service wrote it
        return Session(client, tuple(scopes), expires) if expires > self._clock.now() else None

    def _keep(self, digest: bytes, epoch: int | None, session: Session) -> None:
        if self._cache is None or epoch is None:
            return
        content = json.dumps([session.client, session.scopes, session.expires]).encode()
        seconds = max(1, int(session.expires - self._clock.now()))
        self._cache.write(Kind.SESSION, digest.hex(), epoch, content, seconds)
