"""Numbers of the command line that must lie in a range: argparse types that say what they expect."""

import math
from argparse import ArgumentTypeError


def not_negative(text: str) -> float:
    """Return a finite number of zero or more."""
    value = _number(text)
    if not (math.isfinite(value) and value >= 0.0):
        raise ArgumentTypeError(f"{text} is not a number of 0 or more")
    return value


def positive_int(text: str) -> int:
    """Return a whole number of one or more."""
    value = _number(text)
    if not (math.isfinite(value) and value >= 1.0 and value.is_integer()):
        raise ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is not a number") from None
