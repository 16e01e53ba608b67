"""What a user is told in one line, and the exit status that goes with it."""

__all__ = ["CheckFailedError", "HadronError", "UsageError", "first_line"]


class HadronError(Exception):
    """Something the user should read; the message is one made for them."""

    exit_status = 1


class UsageError(HadronError, ValueError):
    """A mistake in what was asked for: a missing file, a wrong shape, an unknown name."""

    exit_status = 2


class CheckFailedError(HadronError):
    """What was asked for was done, and the result is not as it must be."""

    exit_status = 1


def first_line(error: Exception) -> str:
    """Return what a library's error says first, or what it is called if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()
