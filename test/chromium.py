"""Headless Chromium for tests, over its debugging pipe: needs no package and opens no port."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ANSWER_S = 300.0
OPTIONS = (
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--mute-audio",
)  # fmt: skip


def find_chromium() -> str:
    """Return the browser's program, or skip the test where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no Chromium here; looked for {', '.join(NAMES)}")


class Page:
    """One page of a browser of its own; use it in a `with` statement.

    Attributes:
        requests: addresses of all requests that the page made or tried to make.
        errors: messages of the page's console that are errors.
    """

    def __init__(self, width: int = 1600, height: int = 1000) -> None:
        self._program = find_chromium()
        self._size = (width, height)
        self._profile = tempfile.TemporaryDirectory(prefix="egorear_chromium_")
        self._number = 0
        self._pending = b""
        self._session = ""
        self.requests: list[str] = []
        self.errors: list[str] = []

    def __enter__(self) -> "Page":
        child_in, self._to = os.pipe()
        self._from, child_out = os.pipe()
        os.set_blocking(self._from, False)

        command = [self._program, *OPTIONS, f"--user-data-dir={self._profile.name}", "about:blank"]
        command.insert(1, f"--window-size={self._size[0]},{self._size[1]}")
        # The browser reads from 3 and writes to 4; dash knows no file numbers above 9.
        shell = ["bash", "-c", f'exec "$@" 3<&{child_in} 4>&{child_out}', "sh"]
        silent = subprocess.DEVNULL
        ends = (child_in, child_out)
        self._browser = subprocess.Popen([*shell, *command], stdin=silent, stdout=silent, stderr=silent, pass_fds=ends)
        os.close(child_in)
        os.close(child_out)
        targets = self._call("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._browser.wait(20.0)
        self._browser.kill()
        self._browser.wait()
        os.close(self._to)
        os.close(self._from)
        with suppress(OSError):
            self._profile.cleanup()

    def open(self, url: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression; None while the page changes."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer.get("result", {}).get("value")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds, while the page lives."""
        end_s = time.monotonic() + ANSWER_S
        while not condition():
            assert time.monotonic() < end_s, f"{what} did not happen within {ANSWER_S:g} s; errors: {self.errors}"
            self._receive(0.2)

    def screenshot(self, path: Path) -> bytes:
        """Write a picture of the window as PNG, and return it."""
        picture = base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])
        path.write_bytes(picture)
        return picture

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end_s = time.monotonic() + ANSWER_S
        while time.monotonic() < end_s:
            for answer in self._receive(0.2):
                if answer.get("id") == number:
                    fault = answer.get("error", {}).get("message", "")
                    assert not fault or "navigated" in fault, f"{method}: {fault}"
                    result: dict[str, Any] = answer.get("result", {})
                    return result
        raise AssertionError(f"Chromium did not answer {method} within {ANSWER_S:g} s")

    def _receive(self, wait_s: float) -> list[dict[str, Any]]:
        try:
            self._pending += os.read(self._from, 1 << 20)
        except BlockingIOError:
            assert self._browser.poll() is None, "Chromium ended by itself"
            time.sleep(min(wait_s, 0.05))
        *whole, self._pending = self._pending.split(b"\0")
        messages = [json.loads(text) for text in whole]
        for message in messages:
            self._note(message)
        return messages

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"].get("text")))
