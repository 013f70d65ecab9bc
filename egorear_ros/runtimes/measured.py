"""What `auto` measured, kept for the next start on the same machine with the same libraries."""

import importlib.metadata
import json
import logging
import os
import platform
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import torch

from egorear_ros import __version__
from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.identity import ModelIdentity
from egorear_ros.runtimes.onnx_cache import cache_folder
from egorear_ros.runtimes.onnx_export import ExportError, written_aside

LOG = logging.getLogger(__name__)


def record_path(identity: ModelIdentity, config: RuntimeConfig, engines: Sequence[str]) -> Path:
    """Return the file of a measurement: another one for other weights, machines, threads and versions.

    Args:
        identity: of the model.
        config: device and threads.
        engines: names of the candidates' libraries; installing one asks for a new measurement.
    """
    facts = {
        "egorear_ros": __version__,
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        "device": config.device,
        "threads": config.threads,
        "versions": {name: _version(name) for name in ("torch", *engines)},
    }
    key = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    return cache_folder() / f"{identity.digest}-auto-{key}.json"


def remembered(path: Path, known: Sequence[str]) -> tuple[str, Mapping[str, float]] | None:
    """Return the engine that was fastest, and the milliseconds of all; None if nothing usable is written there."""
    try:
        content = json.loads(path.read_text())
        name, times = content["chosen"], {str(key): float(value) for key, value in content["ms"].items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        LOG.warning("%s cannot be used (%r): engines are measured again.", path, error)
        return None
    return (name, times) if name in known else None


def remember(path: Path, name: str, times_ms: Mapping[str, float]) -> None:
    """Write the result of a measurement; a folder that cannot be written is mentioned and costs time only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(path) as partial:
            partial.write_text(json.dumps({"chosen": name, "ms": dict(times_ms)}, indent=1) + "\n")
    except (OSError, ExportError) as error:
        LOG.warning("the choice of runtime.name auto is not kept: %s", error)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
