"""Rerun, which draws: imported only where it is needed, and missing with a clear sentence."""

import importlib.util
from pathlib import Path
from types import ModuleType

HINT = "Install it: `pip install 'egorear_ros[view]'`; in a checkout: .venv/bin/pip install -r requirements/view.txt."


class ViewError(RuntimeError):
    """Nothing can be shown: says what was looked for, what was found, and what to do."""


def load_rerun() -> ModuleType:
    """Return the module `rerun`.

    Raises:
        ViewError: it is not installed.
    """
    try:
        import rerun
    except ImportError as error:
        raise ViewError(f"The viewer needs rerun-sdk, which is missing ({error}). {HINT}") from None
    return rerun


def find_server() -> Path:
    """Return Rerun's server program, which comes with its Python package.

    Raises:
        ViewError: it is not installed.
    """
    found = importlib.util.find_spec("rerun_cli")
    folders = list(found.submodule_search_locations or []) if found is not None else []
    for folder in folders:
        program = Path(folder) / "rerun"
        if program.is_file():
            return program
    raise ViewError(f"The viewer needs Rerun's server program `rerun`, which rerun-sdk brings along. {HINT}")
