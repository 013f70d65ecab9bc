"""What a library compiled, kept in a folder with checksums: libraries load damaged files without a word."""

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from egorear_ros.runtimes.checksum import sha256_of
from egorear_ros.runtimes.identity import ModelFileError
from egorear_ros.runtimes.onnx_export import ExportError, written_aside

LOG = logging.getLogger(__name__)
RECORD = "sha256.json"
"""Names and checksums of a folder's other files."""

Compiled = TypeVar("Compiled")


def compiled_in(
    folder: Path, compile_model: Callable[[Path | None], Compiled], was_loaded: Callable[[Compiled], bool]
) -> Compiled:
    """Return what a library loads from a folder, or compiles and keeps there.

    A folder that is damaged is announced and made anew. A new one gets its name when it is complete, so that
    several processes may start at once. One that cannot be written is announced: then nothing is kept.

    Args:
        folder: for what this library makes of this model with these settings.
        compile_model: loads from the folder that it is given, or compiles and writes there; None: without one.
        was_loaded: says which of them happened.
    """
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        kept = _is_kept(folder)
        if not kept:
            partial.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _warn_unkept(folder, error)
        return compile_model(None)
    if kept:
        compiled = compile_model(folder)
        if not was_loaded(compiled):  # what was there is, say, for another processor
            _keep(folder, folder)
        return compiled
    try:
        compiled = compile_model(partial)
        _keep(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return compiled


def check_folder(folder: Path) -> None:
    """Check that a folder holds what was written.

    Raises:
        ModelFileError: a file is damaged, missing or additional: says which.
        OSError: one cannot be read.
    """
    try:
        expected = json.loads((folder / RECORD).read_bytes())
    except (FileNotFoundError, ValueError) as error:
        raise ModelFileError(f"{folder}: {RECORD} is missing or damaged.") from error
    found = _checksums(folder)
    if not isinstance(expected, dict) or expected.keys() != found.keys():
        raise ModelFileError(f"{folder}: holds other files than {RECORD} names.")
    for name, checksum in found.items():
        if expected[name] != checksum:
            raise ModelFileError(f"{folder / name}: damaged, its checksum is another one.")


def _is_kept(folder: Path) -> bool:
    """Return whether a folder is there and whole; remove it otherwise."""
    if not folder.exists():
        return False
    try:
        check_folder(folder)
    except (ModelFileError, OSError) as error:
        LOG.warning("What was compiled is made anew: %s.", str(error).rstrip("."))
        shutil.rmtree(folder)
        return False
    return True


def _keep(written: Path, folder: Path) -> None:
    """Write down the checksums of a folder's files, then give it its name."""
    try:
        with written_aside(written / RECORD) as record:
            record.write_text(json.dumps(_checksums(written), indent=1) + "\n")
        if written != folder and not folder.exists():  # unless another process was faster
            written.rename(folder)
    except (OSError, ExportError) as error:
        _warn_unkept(folder, error)


def _checksums(folder: Path) -> dict[str, str]:
    """Return those of all files but the record, whole or being written."""
    files = [file for file in sorted(folder.iterdir()) if not file.name.startswith((RECORD, f".{RECORD}"))]
    return {file.name: sha256_of(file) for file in files}


def _warn_unkept(folder: Path, error: Exception) -> None:
    LOG.warning("%s cannot be written (%s): what is compiled is not kept.", folder, error)
