"""TensorRT engines, built once: kept under a name, and in a file, that say for which GPU and weights they are."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from egorear_ros import __version__
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.onnx_cache import cache_folder
from egorear_ros.runtimes.onnx_export import ExportError, written_aside

LOG = logging.getLogger(__name__)
MAGIC = b"egorear_engine/2\n"
CHECKSUM = "plan_sha256"
"""TensorRT itself may crash on an engine that is damaged."""


@dataclass(frozen=True)
class EngineKey:
    """All that an engine depends on.

    Attributes:
        gpu: its name, as the driver says it.
        capability: its compute capability, for example "9.0".
        tensorrt: version of the library.
        egorear_ros: version of this package.
        digest: of weights and calibration, see `ModelIdentity`.
        precision: fp32 or fp16.
        max_batch: most frame sets at a time.
    """

    gpu: str
    capability: str
    tensorrt: str
    digest: str
    precision: str
    max_batch: int
    egorear_ros: str = __version__

    def file_name(self) -> str:
        """Return a file name without awkward characters."""
        parts = (self.digest, self.precision, f"b{self.max_batch}", self.gpu, f"sm{self.capability}")
        text = "-".join((*parts, f"trt{self.tensorrt}", self.egorear_ros))
        return re.sub(r"[^A-Za-z0-9.-]+", "_", text) + ".engine"


def write_engine(path: Path, key: EngineKey, plan: bytes) -> None:
    """Write an engine with its key.

    Raises:
        ExportError: the file cannot be written.
    """
    head = json.dumps({**asdict(key), CHECKSUM: sha256(plan).hexdigest()})
    with written_aside(path) as partial:
        partial.write_bytes(MAGIC + head.encode() + b"\n" + plan)


def read_engine(path: Path, key: EngineKey) -> bytes:
    """Return an engine.

    Raises:
        ModelFileError: the file is damaged, or for another GPU, library or model: says which.
    """
    head, _, rest = path.read_bytes().partition(b"\n")
    line, _, plan = rest.partition(b"\n")
    try:
        found = json.loads(line) if head + b"\n" == MAGIC else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not plan:
        raise ModelFileError(f"{path}: not a complete engine file.")
    differences = [
        f"{name} {found.get(name)!r} instead of {value!r}"
        for name, value in asdict(key).items()
        if found.get(name) != value
    ]
    if differences:
        raise ModelFileError(f"{path}: the engine is for {', '.join(differences)}.")
    if found.get(CHECKSUM) != sha256(plan).hexdigest():
        raise ModelFileError(f"{path}: the engine is damaged, its checksum is another one.")
    return plan


def cached_engine(key: EngineKey, identity: ModelIdentity, build: Callable[[], bytes]) -> bytes:
    """Return the engine of a key from the cache, or build it, which takes minutes.

    A file that is damaged or for another GPU, library or model is announced and made anew.

    Args:
        key: what is wanted.
        identity: of the model, for the log.
        build: makes the engine.

    Raises:
        RuntimeSetupError: it cannot be built or written.
    """
    path = cache_folder() / key.file_name()
    if path.is_file():
        try:
            return read_engine(path, key)
        except (ModelFileError, OSError) as error:
            LOG.warning("A kept engine is built anew: %s.", str(error).rstrip("."))
    LOG.info("Building a TensorRT engine of %s for %s; this takes minutes, once.", identity.model_id, key.gpu)
    plan = build()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_engine(path, key, plan)
    except (OSError, ExportError) as error:
        raise RuntimeSetupError(f"{path} cannot be written ({error}). Set XDG_CACHE_HOME to another folder.") from error
    return plan
