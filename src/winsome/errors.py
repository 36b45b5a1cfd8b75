"""What can go wrong, by who can mend it: the user (BadInput, Unsupported, Fatal) or time (RateLimited, Transient)."""

from __future__ import annotations


class WinsomeError(Exception):
    """An error told to the user in one line; the command ends with `exit_code`."""

    exit_code = 2

    def __str__(self) -> str:
        return " ".join(str(self.args[0]).split()) if self.args else type(self).__name__


class BadInput(WinsomeError):
    """A file, record, field, name or flag is wrong; the line names it and the way out."""


class Unsupported(WinsomeError):
    """The pieces are right but do not go together, or something is not installed."""


class Fatal(WinsomeError):
    """Asking again cannot help: a wrong key, an exhausted quota, an unknown model, a full disk."""


class RateLimited(WinsomeError):
    """The server asks to wait; `retry_after` is in seconds, None where it did not say."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Transient(WinsomeError):
    """The same call may succeed later: a 5xx, a timeout, a cut stream, an unreadable body."""
