"""How to read a store's service that said no, or said nothing."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

CALL_ERRORS = (ClientError, BotoCoreError)
"""What a call can raise: an answer that is an error, or none within the time-out."""

THROTTLED = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
UNWELL = frozenset(
    {"InternalFailure", "InternalServerError", "InternalServiceError", "ServiceUnavailable"}
)


def code_of(error: Exception) -> str:
    """The service's error code; for a call that got no answer, the kind of failure."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__


def is_final(error: Exception) -> bool:
    """Whether the service understood and refused: asking again will not help."""
    return isinstance(error, ClientError) and code_of(error) not in THROTTLED | UNWELL


def is_about_the_caller(error: Exception) -> bool:
    """Whether the answer says nothing of the store: a gentler way must not be given up for it."""
    return code_of(error) in THROTTLED | DENIED
