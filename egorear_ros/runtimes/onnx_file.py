"""Exported files: sealed with a checksum; whose they are, and whether they are whole, before anything is computed."""

from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

from egorear_ros.runtimes.checksum import sha256_of
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.install import import_library

FORMAT = "egorear_onnx/2"
"""The first had no checksum."""

CHECKSUM = "content_sha256"
UNKNOWN = "0" * 64
INPUTS = ("images", "view_mask", "T_camera_device")


def write_onnx(model: Any, path: Path) -> None:
    """Write a parsed ONNX file, sealed: its last metadata are the checksum of all bytes before them.

    Protobuf allows that: a message may be continued by another one, whose entries are appended to its own.

    Args:
        model: parsed; a checksum that it has from before is removed.
        path: file to write.
    """
    entries = [entry for entry in model.metadata_props if entry.key != CHECKSUM]
    del model.metadata_props[:]
    model.metadata_props.extend(entries)
    content = model.SerializeToString()
    with path.open("wb") as file:
        file.write(content)
        file.write(_seal(sha256(content).hexdigest()))


def stored_checksum(path: Path) -> str:
    """Return the checksum that a file says it has.

    Raises:
        ModelFileError: it ends otherwise than `write_onnx` does.
    """
    seal = _seal(UNKNOWN)
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(seal)))
        found = file.read()
    checksum = found[-len(UNKNOWN) :].decode("ascii", errors="replace")
    if found != _seal(checksum):
        raise _changed(path)
    return checksum


def check_content(path: Path) -> None:
    """Check that a file's bytes are the ones that `write_onnx` wrote.

    Raises:
        ModelFileError: they are not.
    """
    expected = stored_checksum(path)
    if sha256_of(path, path.stat().st_size - len(_seal(UNKNOWN))) != expected:
        raise _changed(path)


def _seal(checksum: str) -> bytes:
    onnx = import_library("onnx", "onnx")
    return bytes(onnx.ModelProto(metadata_props=[{"key": CHECKSUM, "value": checksum}]).SerializeToString())


def _changed(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path}: its content is not what was written: it is damaged, or another program has changed it. Export it "
        "again with `egorear export`."
    )


def read_onnx(path: Path) -> Any:
    """Return a parsed ONNX file.

    Raises:
        ModelFileError: it is missing or damaged, or not of this package, or of an earlier format.
        NotInstalledError: the package onnx is not there.
    """
    onnx = import_library("onnx", "onnx")
    if not path.is_file():
        what = "a folder, expected an ONNX file" if path.is_dir() else "no such file"
        raise ModelFileError(f"{path}: {what}. Write it with `egorear export`.")
    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelFileError(f"{path}: not a complete ONNX file ({error}). Export it again.") from error
    found = metadata_of(model).get("format")
    if found != FORMAT:
        what = "it is empty or of another program" if found is None else f"its format is {found!r}"
        raise ModelFileError(f"{path}: {what}; this program reads {FORMAT!r}. Write it with `egorear export`.")
    check_content(path)
    return model


def check_onnx(path: Path, identity: ModelIdentity, precisions: Collection[str] = ("fp32",)) -> None:
    """Check that a file is complete and of this model.

    Args:
        path: the file.
        identity: of the model that is expected.
        precisions: of its weights, that will do.

    Raises:
        ModelFileError: it is not; says of which it is.
    """
    model = read_onnx(path)
    metadata = metadata_of(model)
    try:
        found = ModelIdentity.from_metadata(metadata)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    if found.digest != identity.digest:
        raise ModelFileError(
            f"{path}: is of {found.model_id} for {found.rig} ({found.digest}); expected {identity.model_id} for "
            f"{identity.rig} ({identity.digest}). Export the weights and the rig that are used, with `egorear export`."
        )
    precision = metadata.get("precision", "fp32")
    if precision not in precisions:
        raise ModelFileError(
            f"{path}: its weights are {precision}; expected {' or '.join(precisions)}. Set runtime.precision to "
            f"{precision}, or write another file with `egorear export --precision`."
        )
    inputs = {entry.name for entry in model.graph.input}
    if inputs != set(INPUTS):
        raise ModelFileError(
            f"{path}: its inputs are {', '.join(sorted(inputs))}; expected {', '.join(INPUTS)}. Export it again, "
            "without --fixed-extrinsics."
        )


def metadata_of(model: Any) -> dict[str, str]:
    """Return what a parsed file says about itself."""
    return {entry.key: entry.value for entry in model.metadata_props}
