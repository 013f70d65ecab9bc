"""The page before Rerun's: nothing from elsewhere, and who looks."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from egorear_ros.viewer.page import PageHandler, Watchers, local_page, security_policy

DATA_URL = "rerun+http://127.0.0.1:4567/proxy"
INNER = b"""<html><head><link rel="icon" href="favicon.ico" />
<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin />
<link
  href="https://fonts.googleapis.com/css2?family=Inter"
  rel="stylesheet"
/></head><body><script src="re_viewer.js"></script></body></html>"""


class Inner(BaseHTTPRequestHandler):
    """Stands in for Rerun's page server."""

    def do_GET(self) -> None:
        found = {"/": (INNER, "text/html"), "/re_viewer.js": (b"code", "text/javascript")}.get(self.path)
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", found[1] if found else "text/plain")
        self.end_headers()
        self.wfile.write(found[0] if found else b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent."""


@pytest.fixture
def watchers() -> Watchers:
    return Watchers()


@pytest.fixture
def port(watchers: Watchers) -> Iterator[int]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Inner)]
    handler = partial(PageHandler, watchers, servers[0].server_address[1], DATA_URL)
    servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield int(servers[1].server_address[1])
    watchers.close()
    for server in servers:
        server.shutdown()
        server.server_close()


def get(port: int, path: str, host: str = "") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    try:
        connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_links_to_other_hosts_are_gone_and_our_script_is_there() -> None:
    page = local_page(INNER)
    assert b"https://" not in page
    assert b"favicon.ico" in page
    assert page.count(b"EventSource") == 1
    assert page.rstrip().endswith(b"</html>")


def test_the_policy_allows_this_machine_and_nothing_else() -> None:
    rules = dict(rule.split(" ", 1) for rule in security_policy(DATA_URL).split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self' http://127.0.0.1:4567 data: blob:"
    words = [word for rule in rules.values() for word in rule.split()]
    hosts = {word for word in words if "//" in word or "*" in word or word in ("http:", "https:")}
    assert hosts == {"http://127.0.0.1:4567"}


def test_the_bare_address_leads_to_the_recording(port: int) -> None:
    answer, _ = get(port, "/")
    assert answer.status == 302
    assert "url=rerun%2Bhttp%3A%2F%2F127.0.0.1%3A4567%2Fproxy" in str(answer.getheader("Location"))


@pytest.mark.parametrize("path", ["/?url=x", "/re_viewer.js"])
def test_every_answer_carries_the_policy(port: int, path: str) -> None:
    answer, content = get(port, path)
    assert answer.status == 200
    assert answer.getheader("Content-Security-Policy") == security_policy(DATA_URL)
    assert b"https://" not in content


@pytest.mark.parametrize("path", ["/../secret", "//example.org/x", "/a/b", "/%2e%2e/x"])
def test_other_paths_are_not_passed_on(port: int, path: str) -> None:
    assert get(port, path)[0].status == 404


def test_other_names_of_this_machine_are_refused(port: int) -> None:
    assert get(port, "/?url=x", host="attacker.example")[0].status == 403
    assert get(port, "/?url=x", host=f"localhost:{port}")[0].status == 200


def test_windows_are_counted_while_they_are_open(port: int, watchers: Watchers) -> None:
    connections = []
    for count in (1, 2):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
        connection.request("GET", "/watch")
        answer = connection.getresponse()
        assert answer.readline() == b": here\n"
        connections.append((connection, answer))
        until(lambda count=count: watchers.count == count)  # type: ignore[misc]
    for count, (connection, answer) in zip((1, 0), connections, strict=True):
        answer.close()
        connection.close()
        until(lambda count=count: watchers.count == count)  # type: ignore[misc]


def test_drawing_is_reported(port: int, watchers: Watchers) -> None:
    assert not watchers.drawn.is_set()
    assert get(port, "/drawn")[0].status == 204
    assert watchers.drawn.is_set()
