"""Calls to AWS: what a failed read says, and what a failed write says. A command uses no other way.

A read that fails never says that a write may have landed: only `writing` can, and a read does not stand in
it. The clients try once (`lifeline.lambdas.adapters.aws`), so an error is the error of the only attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lifeline.cli.failure import NotWritten, Refused, Unreachable, WriteUnknown


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Around a read. Raises Unreachable, or Refused when the answer is no item of ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unreachable(f"{what} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"{what} is damaged, or the address is wrong: {error!r}") from error


@contextmanager
def writing(what: str, look: str) -> Iterator[None]:
    """Around one write. Raises NotWritten only when the write certainly did not land, else WriteUnknown.

    `look` is the command that shows whether it did.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if _never_landed(error):
            raise NotWritten(f"{what} was not written: {error}") from error
        raise WriteUnknown(_unknown(what, look, str(error))) from error
    except KeyboardInterrupt as error:
        raise WriteUnknown(_unknown(what, look, "interrupted")) from error


def _unknown(what: str, look: str, why: str) -> str:
    return f"{what} may have landed: {why}. Look with `{look}` before trying again."


def _never_landed(error: Exception) -> bool:
    """AWS answered that the request is refused (4xx), or no connection was made to send it over."""
    from botocore.exceptions import (
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
    )

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return 400 <= status < 500
    return isinstance(
        error,
        (
            ConnectTimeoutError,
            EndpointConnectionError,
            NoCredentialsError,
            ParamValidationError,
            PartialCredentialsError,
        ),
    )
