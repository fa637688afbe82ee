"""What can go wrong for a user, each said in one sentence: what, with which value, and what to do.

The command line prints the sentence without a traceback and exits with `exit_status`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AdAutoMixError(Exception):
    """Base of every error that is the user's to mend."""

    exit_status = 1


class InputError(AdAutoMixError, ValueError):
    """An argument, parameter, name or shape that cannot be used."""

    exit_status = 2


class NotFiniteError(InputError):
    """Logits that are no finite numbers, of which an evaluation can count nothing."""


class DataError(AdAutoMixError):
    """A dataset that is missing, truncated or altered."""


class RecordError(AdAutoMixError):
    """A record that cannot be read or written."""


class DivergenceError(AdAutoMixError):
    """A loss that is no longer a finite number."""


class Interrupted(AdAutoMixError):
    """A run that stopped early at a step boundary, with a checkpoint to go on from."""

    exit_status = 3


def first_line(error: Exception) -> str:
    """What an error of a library says, in one line and without a stop, for a sentence of ours."""
    line = next(iter(str(error).splitlines()), "")
    return line.rstrip(".: ") or type(error).__name__


def unknown(
    what: str, value: object, known: Iterable[str], listing: str | None = None
) -> InputError:
    """The error for a name nobody knows: the nearest known name, then all, or `listing` for them.

    >>> print(unknown("method", "cutmx", ["cutmix", "mixup"]))
    unknown method 'cutmx': did you mean 'cutmix'? Known: cutmix, mixup.
    """
    names = sorted(map(str, known))
    close = get_close_matches(str(value), names, n=1)
    hint = f"did you mean '{close[0]}'? Known" if close else "known"
    return InputError(f"unknown {what} {str(value)!r}: {hint}: {listing or ', '.join(names)}.")
