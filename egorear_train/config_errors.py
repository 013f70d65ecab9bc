"""jsonargparse's errors as sentences: which key, what was expected, which known one is close."""

import difflib
import inspect
import re
from collections.abc import Collection
from typing import Any

_FIRST_REASON = re.compile(r"Errors:\s*-\s*(?P<reason>.*?)\s*-\s*Expected a <class 'NoneType'>", re.DOTALL)
_WRONG_TYPE = re.compile(r'[Kk]ey "(?P<key>[\w.]+)".*Given value: (?P<value>.*)', re.DOTALL)
_TYPE = re.compile(r"Expected a (?:typing\.Literal\[(?P<choices>.*?)\]|<class '(?P<name>\w+)'>)")
_PROBLEM = re.compile(r"Problem with given class_path '(?P<path>[\w.]+)':\s*")
_CLASS = re.compile(r"Expected a dot import path string: (?P<name>\S+)")
_OUTERMOST = {"model", "data", "trainer", "seed_everything", "ckpt_path", "checkpoint_every", "pictures_every"}
"""Settings of a recipe that are no class's."""
_WRAPPER = "Does not validate against any of the Union subtypes"
_UNKNOWN = re.compile(
    r"(?:Option|Key) '(?P<key>[\w.]+)' is not (?:accepted|expected)|does not accept option '(?P<option>[\w.]+)'"
)
_UNRECOGNISED = re.compile(r"[Uu]nrecognized arguments?: -*(?P<key>[\w.]+)")


class TrainingConfigError(ValueError):
    """A recipe or an argument is wrong: names the key, what was expected, what was found."""


def is_wrapped(error: Exception) -> bool:
    """Whether jsonargparse has put a class's own error into a list of failed types."""
    return _WRAPPER in str(error)


def plain(text: str, classes: Collection[type[Any]]) -> str:
    """Return an error's reason without the types that were tried and the values that were given.

    Args:
        text: jsonargparse's message.
        classes: what recipes configure; their settings are what an unknown key may have meant.
    """
    found = _FIRST_REASON.search(text)
    reason = " ".join((found["reason"] if found else text).split())
    wrong = _WRONG_TYPE.search(text)
    if wrong and found and not _TYPE.sub("", reason).strip(" -"):
        expected = " or ".join(choices or name for choices, name in _TYPE.findall(reason))
        return f"{wrong['key']} is {' '.join(wrong['value'].split())}; expected {expected}."
    reason = _PROBLEM.sub(lambda match: f"{match['path'].rpartition('.')[2]}: ", reason)
    if no_class := _CLASS.search(reason):
        names = sorted(cls.__name__ for cls in classes if cls.__name__.endswith("Stage") and cls.__name__ != "Stage")
        return f"there is no stage {no_class['name']}; class_path is one of {', '.join(names)}."
    if "are required: " in reason and reason.endswith(".model"):
        return "no stage is named. Give a recipe, for example --config config/train/ego4view_syn_pose3d.yaml."
    unknown = _UNKNOWN.search(reason) or _UNRECOGNISED.search(reason)
    if not unknown:
        return reason
    key = next(value for value in unknown.groups() if value)
    return f"{reason}. {_suggestion(key, classes)}"


def _suggestion(key: str, classes: Collection[type[Any]]) -> str:
    known = {name for cls in classes for name in inspect.signature(cls).parameters} | _OUTERMOST
    parts = key.removeprefix("model.").removeprefix("data.").removeprefix("trainer.").split(".")
    wanted = next((part for part in parts if part not in known), parts[-1])
    close = difflib.get_close_matches(wanted, sorted(known), n=1)
    hint = f"Did you mean `{close[0]}`? " if close else ""
    return f"There is no such setting. {hint}`egorear train fit --help` lists all, and `--model.help CLASS` a stage's."
