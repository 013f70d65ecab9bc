"""Numbers of the command line."""

from argparse import ArgumentTypeError

import pytest

from egorear_ros.commands.numbers import not_negative, positive_int


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("1.5", 1.5), ("2e3", 2000.0)])
def test_not_negative(text: str, value: float) -> None:
    assert not_negative(text) == value


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "-0.5", "many", ""])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not a number"):
        not_negative(text)


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "nan", "inf", "wide"])
def test_whole_numbers_from_one(text: str) -> None:
    assert positive_int("436") == 436
    with pytest.raises(ArgumentTypeError, match="is not a"):
        positive_int(text)
