"""What errors of camera devices mean and what to do about them."""

import errno
import os
from pathlib import Path

from egorear_ros.sources.base import SourceError, SourceLost

GONE = (errno.ENODEV, errno.ENXIO, errno.EIO, errno.EPIPE, errno.ESHUTDOWN, errno.EPROTO)
LIST_HINT = "`egorear cameras` lists what is connected."


def explain(error: OSError, view: str, path: str, doing: str, bus: str = "") -> SourceError:
    """Return the error to raise for one of the kernel's.

    Args:
        error: what the kernel said.
        view: the camera's view.
        path: as configured.
        doing: what was tried, as "open".
        bus: where the camera is plugged in, if known.
    """
    where = f"{view}: {path}"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        target = os.path.realpath(path)
        dangling = f" (it points to {target}, which is gone)" if Path(path).is_symlink() else ""
        hint = f"Plug it in or correct source.path. {LIST_HINT}"
        return SourceError(f"{where}: there is no such device{dangling}. {hint}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return SourceError(
            f"{where}: no permission. Add yourself to the group that owns it "
            "(`sudo usermod -aG video $USER`, then log in again), or install docs/udev/99-egorear-cameras.rules."
        )
    if error.errno == errno.EBUSY:
        users = device_users(path)
        by = f" by {', '.join(users)}" if users else " by another program"
        return SourceError(f"{where}: busy, in use{by}. End that program; a device serves one at a time.")
    if error.errno == errno.ENOSPC:
        return SourceError(
            f"{where}: the USB bus{f' ({bus})' if bus else ''} has no bandwidth left for this camera (errno 28, "
            "ENOSPC). Cameras reserve their largest rate when they start. Use MJPG, a smaller source.width/height "
            "or source.rate_hz, or another USB controller. `egorear cameras --test` tries all of them at once."
        )
    if error.errno in GONE:
        return SourceLost(f"{where}: the camera is gone ({error.strerror}). Plug it in again; check cable and hub.")
    if error.errno in (errno.ENOTTY, errno.EINVAL) and doing == "open":
        return SourceError(f"{where} is no V4L2 video device. Correct source.path. {LIST_HINT}")
    return SourceError(f"{where}: cannot {doing}: {error.strerror} (errno {error.errno}).")


def device_users(path: str, proc: Path = Path("/proc")) -> list[str]:
    """Return the programs that have a device open, as "name (pid)", as far as this user may know."""
    target = os.path.realpath(path)
    users = []
    for process in proc.glob("[0-9]*"):
        try:
            if any(os.path.realpath(link) == target for link in (process / "fd").iterdir()):
                users.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
        except OSError:
            continue
    return sorted(users)
