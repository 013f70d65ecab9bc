"""Libraries that not every installation has."""

import importlib
from typing import Any

from egorear_ros.runtimes.base import NotInstalledError


def import_library(module: str, extra: str) -> Any:
    """Import an optional library.

    Args:
        module: its name.
        extra: of this package, that brings it.

    Raises:
        NotInstalledError: it is not there; names the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NotInstalledError(
            f"{module} cannot be imported ({error}). In a checkout of egorear_ros install it with "
            f"`pip install '.[{extra}]'`."
        ) from error
