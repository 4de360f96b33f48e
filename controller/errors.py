"""The whole error tree. Pure.

A class exists only where some caller does something else because of it. Every concrete class carries
a stable ``reason``: the same word appears in conditions, logs, HTTP bodies (as a code) and the
documentation (docs/reference/reasons.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar


class Retry(Enum):
    """What the caller should do next."""

    NEVER = "never"
    """Only a new commit, new settings or a person changes the outcome."""
    BACKOFF = "backoff"
    """The same call may succeed later."""


class ControllerError(Exception):
    """Base of every error that this program raises on purpose."""

    reason: ClassVar[str] = "ControllerError"
    retry: ClassVar[Retry] = Retry.NEVER


class UsageError(ControllerError):
    """Raised when a command or a setting is used wrongly; nothing was attempted."""

    reason = "Usage"


class ConfigError(ControllerError):
    """Raised when documents are wrong; a commit fixes it."""

    reason = "InvalidConfiguration"


class SourceError(ControllerError):
    """Base of what can go wrong between the controller and a repository."""

    reason = "SourceError"


class SourceRefusedError(SourceError):
    """Raised when an address, ref or path is not one that the controller will pass to git."""

    reason = "SourceRefused"


class FetchFailedError(SourceError):
    """Raised when the remote could not be reached, hung, or sent something unusable."""

    reason = "FetchFailed"
    retry = Retry.BACKOFF


class AuthenticationFailedError(SourceError):
    """Raised when the remote refused the credentials; they may be rotated, so it is retried."""

    reason = "AuthenticationFailed"
    retry = Retry.BACKOFF


class AccessDeniedError(SourceError):
    """Raised when the remote knows the caller and says no, or the repository does not exist."""

    reason = "AccessDenied"


class RevisionNotFoundError(SourceError):
    """Raised when a ref or commit does not exist in the repository."""

    reason = "RevisionNotFound"


class TreeRefusedError(SourceError):
    """Raised when a tree holds an entry that is never followed: a link, a submodule, a huge file."""

    reason = "TreeRefused"


class VerificationFailedError(SourceError):
    """Raised when a commit's signature is missing, foreign or expired and the policy wants one."""

    reason = "VerificationFailed"


class StoreError(ControllerError):
    """Base of what can go wrong in the store."""

    reason = "StoreError"


class StoreUnavailableError(StoreError):
    """Raised when the store is locked, full or gone; the same call may succeed later."""

    reason = "StoreUnavailable"
    retry = Retry.BACKOFF


class StoreInUseError(StoreError):
    """Raised when another controller holds the data folder."""

    reason = "StoreInUse"


class LeaseLostError(StoreError):
    """Raised by every write once another controller has taken the store over; it never succeeds again."""

    reason = "LeaseLost"


class BackupError(StoreError):
    """Raised when a backup cannot be written, or a file is not a whole backup."""

    reason = "BackupFailed"


class SchemaMismatchError(StoreError):
    """Raised when the database was written by a newer release."""

    reason = "SchemaMismatch"


class NotFoundError(StoreError):
    """Raised when the named object does not exist, or the caller may not know that it does."""

    reason = "NotFound"


class ConflictError(StoreError):
    """Raised when a write collides with what is stored: a taken id or name, a changed ETag."""

    reason = "Conflict"


class GitManagedError(ConflictError):
    """Raised when a write would change what git declares.

    Attributes:
        detail: ``managed_by``, ``conflicts``, ``patch`` and the like, as in docs/reference/api.md.
    """

    reason = "GitManaged"

    def __init__(self, message: str, detail: dict[str, object]) -> None:
        super().__init__(message)
        self.detail = detail


class GitOnlyError(StoreError):
    """Raised when the repository's settings allow no API writes at all."""

    reason = "GitOnly"


class RejectedError(ControllerError):
    """Raised when input is well-formed but not acceptable.

    Attributes:
        problems: pairs of field and message.
    """

    reason = "Rejected"

    def __init__(self, message: str, problems: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class MalformedError(RejectedError):
    """Raised when input is not even well-formed: not JSON, a duplicate key, nested too deeply."""

    reason = "Malformed"


class MachineNamedError(RejectedError):
    """Raised when a report says whose it is: that is known from the credential alone.

    Attributes:
        named: the machine it names, as it came.
    """

    reason = "MachineNamed"

    def __init__(
        self, message: str, problems: tuple[tuple[str, str], ...] = (), *, named: str
    ) -> None:
        super().__init__(message, problems)
        self.named = named


class PreconditionError(ControllerError):
    """Raised when the caller's ``If-Match`` names an older version than the stored one."""

    reason = "PreconditionFailed"


class ForbiddenError(ControllerError):
    """Raised when the caller is known and may not do this."""

    reason = "Forbidden"


class UnauthenticatedError(ControllerError):
    """Raised when a credential is missing, unknown, expired or revoked."""

    reason = "Unauthenticated"


class OverloadedError(ControllerError):
    """Raised when a bounded queue is full; nothing was taken.

    Attributes:
        retry_after: seconds, jittered.
    """

    reason = "Overloaded"
    retry = Retry.BACKOFF

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RemoteRefusedError(ControllerError):
    """Raised by clients of a controller when it answers with an error.

    Attributes:
        status: the HTTP status, 0 when there was no answer.
        code: the stable code of the answer, empty when there was none.
        problems: of what was sent: field or place, and what is wrong there.
    """

    reason = "RemoteRefused"

    def __init__(
        self,
        message: str,
        status: int = 0,
        code: str = "",
        problems: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.problems = tuple(problems)


class TableUnreadableError(ControllerError):
    """Raised when a fact exists on this machine and cannot be seen: never mistaken for its absence."""

    reason = "TableUnreadable"


class QueryFailedError(ControllerError):
    """Raised when a check's query was refused, was wrong, or went past one of its bounds."""

    reason = "QueryFailed"


class TryLaterError(ControllerError):
    """Raised by clients of a controller when the same call may succeed later.

    Attributes:
        after: seconds that the controller asked for, none when it did not say.
    """

    reason = "TryLater"
    retry = Retry.BACKOFF

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
