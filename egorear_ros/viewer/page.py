"""The page that a browser opens: Rerun's, without what it would fetch from elsewhere."""

import http.client
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlencode, urlsplit

HOST = "127.0.0.1"
OUTSIDE = re.compile(rb"<link\b[^>]*https?://[^>]*>", re.IGNORECASE | re.DOTALL)
FILE_NAME = re.compile(r"/[A-Za-z0-9_-][A-Za-z0-9_.-]*")
BEAT_S = 2.0
"""A closed window is noticed when the next beat cannot be sent."""

SCRIPT = b"""<script>
  // While this window is visible one request stays open: the viewer listens to the cameras only then.
  let watch = null;
  function follow() {
    if (document.hidden && watch) { watch.close(); watch = null; }
    else if (!document.hidden && !watch) { watch = new EventSource("watch"); }
  }
  document.addEventListener("visibilitychange", follow);
  follow();
  const drawn = setInterval(() => { if (window._handle) { clearInterval(drawn); fetch("drawn"); } }, 200);
</script>
</body>"""


class Watchers:
    """Counts the visible windows; several threads may use it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False
        self.drawn = threading.Event()
        """Set when a browser has begun to draw."""

    @property
    def count(self) -> int:
        """How many windows are open and visible now."""
        return self._count

    @property
    def closed(self) -> bool:
        """Whether the page is served no more."""
        return self._closed

    def enter(self) -> None:
        """Count a window."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def leave(self) -> None:
        """Count it no more."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let all windows go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_closed(self, timeout_s: float) -> bool:
        """Wait until `close`, at most this long; return whether it was called."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout_s)


class PageHandler(BaseHTTPRequestHandler):
    """Answers the requests of browsers.

    Args:
        watchers: told of open windows.
        web_port: of Rerun's own page on this machine.
        data_url: where the page finds the recording.
        *args: for `BaseHTTPRequestHandler`.
    """

    protocol_version = "HTTP/1.1"

    def __init__(self, watchers: Watchers, web_port: int, data_url: str, *args: Any) -> None:
        self._watchers = watchers
        self._web_port = web_port
        self._data_url = data_url
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer a request."""
        own_port = self.connection.getsockname()[1]
        if self.headers.get("Host", "") not in (f"{HOST}:{own_port}", f"localhost:{own_port}"):
            # A page elsewhere that names this machine under a name of its own.
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        target = urlsplit(self.path)
        if target.path == "/" and "url" not in target.query:
            self._redirect()
        elif target.path == "/":
            self._send_page()
        elif target.path == "/watch":
            self._watch()
        elif target.path == "/drawn":
            self._watchers.drawn.set()
            self._send(HTTPStatus.NO_CONTENT, b"", "text/plain")
        elif FILE_NAME.fullmatch(target.path):
            self._send(*self._fetch(target.path))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name in the base class
        """Stay silent: every line would be a request of this machine's own browser."""

    def _redirect(self) -> None:
        query = urlencode({"url": self._data_url, "hide_welcome_screen": "1", "persist": "0"})
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", f"/?{query}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_page(self) -> None:
        status, page, kind = self._fetch("/")
        self._send(status, local_page(page), kind)

    def _fetch(self, path: str) -> tuple[int, bytes, str]:
        """Return what Rerun's own page server says: status, content and its type."""
        connection = http.client.HTTPConnection(HOST, self._web_port, timeout=60.0)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Content-Type", "application/octet-stream")
        except OSError as error:
            return HTTPStatus.BAD_GATEWAY, f"Rerun does not answer: {error}".encode(), "text/plain"
        finally:
            connection.close()

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", security_policy(self._data_url))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        try:
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _watch(self) -> None:
        """Hold the request as long as the window is open."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.close_connection = True
        self._watchers.enter()
        try:
            while True:
                self.wfile.write(b": here\n\n")
                self.wfile.flush()
                if self._watchers.wait_closed(BEAT_S):
                    return
        except OSError:
            return
        finally:
            self._watchers.leave()


def local_page(page: bytes) -> bytes:
    """Return Rerun's page without links to other hosts, and with our script."""
    return OUTSIDE.sub(b"", page).replace(b"</body>", SCRIPT, 1)


def security_policy(data_url: str) -> str:
    """Return the Content-Security-Policy that lets the page reach this machine's two ports and nothing else."""
    data = data_url.removeprefix("rerun+").removesuffix("/proxy")
    rules = {
        "default-src": "'none'",
        "script-src": "'self' 'unsafe-inline' 'wasm-unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "connect-src": f"'self' {data} data: blob:",
        "worker-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
