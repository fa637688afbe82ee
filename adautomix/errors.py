"""Exceptions of the package. A message is one sentence: what is wrong, the value, and the remedy.

The command line prints the message without a traceback and exits with the class's `exit_status`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AdAutoMixError(Exception):
    """Base class of every error that the user can correct."""

    exit_status = 1


class InputError(AdAutoMixError, ValueError):
    """An argument, parameter, name or shape that cannot be used."""

    exit_status = 2


class NotFiniteError(InputError):
    """Logits with NaN or infinite values, which no evaluation can use."""


class DataError(AdAutoMixError):
    """A dataset that is missing, truncated or altered."""


class RecordError(AdAutoMixError):
    """A record that cannot be read or written."""


class DivergenceError(AdAutoMixError):
    """A loss that is no longer a finite number."""


class Interrupted(AdAutoMixError):
    """A run that was stopped between two steps and left a checkpoint to resume from."""

    exit_status = 3


def first_line(error: Exception) -> str:
    """Return the first line of a library's error message without its full stop.

    The line can be quoted inside a message of this package; the class name if there is no message.
    """
    line = next(iter(str(error).splitlines()), "")
    return line.rstrip(".: ") or type(error).__name__


def unknown(
    what: str, value: object, known: Iterable[str], listing: str | None = None
) -> InputError:
    """Return the error for an unknown name: it suggests the nearest known name and lists all.

    Args:
        what: the kind of thing that is named, e.g. "method".
        value: the unknown name.
        known: the names that exist.
        listing: printed in place of all known names.

    >>> print(unknown("method", "cutmx", ["cutmix", "mixup"]))
    unknown method 'cutmx': did you mean 'cutmix'? Known: cutmix, mixup.
    """
    names = sorted(map(str, known))
    close = get_close_matches(str(value), names, n=1)
    hint = f"did you mean '{close[0]}'? Known" if close else "known"
    return InputError(f"unknown {what} {str(value)!r}: {hint}: {listing or ', '.join(names)}.")
