"""`python -m egorear_ros.viewer.child PARENT PROGRAM ARGUMENT...`: become a program that ends with its parent."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program; the kernel ends it when the parent dies, however that happens (Linux)."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 -- the command is our own


if __name__ == "__main__":
    main()
