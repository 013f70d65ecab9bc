"""Rerun's server and the page before it, both on this machine's own address only.

Rerun's own way of serving listens on every address, and its page asks Google for fonts, GitHub for
releases and its makers' server for examples and statistics. So its server program runs as a child that is
bound to 127.0.0.1, and a page of ours in front of it forbids the browser every other host.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from egorear_ros.viewer.library import ViewError, find_server
from egorear_ros.viewer.page import PageHandler, Watchers

HOST = "127.0.0.1"
START_S = 120.0
"""Patience with a machine that is busy: the program is 300 MB and is read once."""


class ViewServer:
    """Serves a recording to browsers on this machine; use it in a `with` statement.

    Args:
        port: of the page; 0: any that is free.
        memory: most that is kept for browsers that come later, for example "1GiB"; the oldest goes first.
        files: saved recordings to show.
        newest_first: whether a window that is opened late begins with now, and not with the oldest that is kept.

    Raises:
        ViewError: Rerun is missing, or the port is in use.
    """

    def __init__(
        self,
        port: int,
        memory: str = "1GiB",
        files: tuple[Path, ...] = (),
        *,
        newest_first: bool = False,
    ) -> None:
        self._program = find_server()
        self._memory = memory
        self._files = files
        self._newest_first = newest_first
        self.watchers = Watchers()
        self._page = _listen(port)
        self.data_port, self._web_port = _free_ports(2)
        self._child: subprocess.Popen[bytes] | None = None
        self._home = tempfile.TemporaryDirectory(prefix="egorear_view_")

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self._page.server_address[1]}/"

    @property
    def data_url(self) -> str:
        """Where recordings are sent, and read by the page."""
        return f"rerun+http://{HOST}:{self.data_port}/proxy"

    @property
    def process_id(self) -> int:
        """Of Rerun's server program."""
        assert self._child is not None, "outside of `with`"
        return self._child.pid

    def __enter__(self) -> "ViewServer":
        """Start; return when the page can be opened.

        Raises:
            ViewError: Rerun's server program does not start.
        """
        try:
            self._child = subprocess.Popen(
                self._command(),
                env=quiet_environment(Path(self._home.name)),
                stdin=subprocess.DEVNULL,
                stdout=self._log_file(),
                stderr=subprocess.STDOUT,
            )
            self._wait()
        except BaseException:
            self._end()
            raise
        handler = partial(PageHandler, self.watchers, self._web_port, self.data_url)
        self._page.RequestHandlerClass = handler
        self._thread = threading.Thread(target=self._page.serve_forever, name="view_page", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self.watchers.close()
        self._page.shutdown()
        self._thread.join()
        self._end()

    def alive(self) -> bool:
        """Return whether Rerun's server program runs."""
        return self._child is not None and self._child.poll() is None

    def _command(self) -> list[str]:
        ports = [f"--port={self.data_port}", f"--web-viewer-port={self._web_port}"]
        options = ["--serve-web", f"--bind={HOST}", f"--server-memory-limit={self._memory}"]
        options += ["--newest-first"] if self._newest_first else []
        # The page is at another port than the data, so the browser asks whether it may.
        own = self._page.server_address[1]
        origins = [f"--cors-allow-origin=http://{name}:{own}" for name in (HOST, "localhost")]
        starter = [sys.executable, "-m", "egorear_ros.viewer.child", str(os.getpid())]
        return [*starter, str(self._program), *options, *ports, *origins, *map(str, self._files)]

    def _log_file(self) -> int:
        return os.open(self._log_path, os.O_WRONLY | os.O_CREAT, 0o600)

    @property
    def _log_path(self) -> Path:
        return Path(self._home.name) / "rerun.log"

    def _wait(self) -> None:
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s:
            if not self.alive():
                said = self._log_path.read_text(errors="replace").strip().splitlines()[-3:]
                raise ViewError(f"Rerun's server program ended at once. It said: {' '.join(said) or 'nothing'}")
            try:
                with urllib.request.urlopen(f"http://{HOST}:{self._web_port}/favicon.ico", timeout=5.0):
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.1)
        raise ViewError(f"Rerun's server program did not answer within {START_S:g} s on port {self._web_port}.")

    def _end(self) -> None:
        self._page.server_close()
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(5.0)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._home.cleanup()


def quiet_environment(home: Path) -> dict[str, str]:
    """Return an environment in which Rerun sends no statistics and writes nothing into the user's folders.

    Args:
        home: a folder that may be written to.
    """
    settings = home / "rerun" / "analytics.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    content = {"analytics_enabled": False, "analytics_id": "none", "metadata": {}}
    settings.write_text(
        json.dumps({**content, "config_file_path": str(settings), "data_dir_path": str(settings.parent)})
    )
    folders = {"XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    return {**os.environ, **folders, "RUST_LOG": "warn"}


def _listen(port: int) -> ThreadingHTTPServer:
    try:
        server = ThreadingHTTPServer((HOST, port), BaseHTTPRequestHandler)
    except OSError as error:
        raise ViewError(
            f"Port {port} of {HOST} cannot be used ({error.strerror}). Is another viewer running? "
            "Choose another with --port; 0 takes any that is free."
        ) from None
    server.daemon_threads = True
    return server


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody uses now."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
