"""Rerun's server program as our child: where it listens, and how it ends."""

import json
import os
import socket
import urllib.request
from pathlib import Path

import pytest

from egorear_ros.viewer.library import ViewError
from egorear_ros.viewer.server import ViewServer, quiet_environment

LISTENING = "0A"


def listeners(process: int) -> set[str]:
    """Return the addresses, in hexadecimal, at which a process listens."""
    folder = Path(f"/proc/{process}/fd")
    owned = {str(link.readlink()) for link in folder.iterdir() if link.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in owned:
                found.add(fields[1])
    return found


def test_everything_listens_on_this_machine_only_and_ends() -> None:
    pytest.importorskip("rerun_cli", reason="needs rerun-sdk: pip install -r requirements/view.txt")
    with ViewServer(port=0) as server:
        found = listeners(server.process_id)
        assert {address.split(":")[0] for address in found} == {"0100007F"}
        assert f"{server.data_port:04X}" in {address.split(":")[1] for address in found}
        assert {address.split(":")[0] for address in listeners(os.getpid())} <= {"0100007F"}
        with urllib.request.urlopen(server.url, timeout=120.0) as answer:
            page = answer.read()
        assert b"EventSource" in page
        assert b'href="https://' not in page
        process = server.process_id
    assert not Path(f"/proc/{process}/exe").exists()


def test_a_port_in_use_is_named() -> None:
    pytest.importorskip("rerun_cli", reason="needs rerun-sdk: pip install -r requirements/view.txt")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ViewError, match=rf"Port {port} of 127\.0\.0\.1 cannot be used .*Choose another"):
            ViewServer(port=port)


def test_statistics_are_switched_off_where_rerun_looks(tmp_path: Path) -> None:
    environment = quiet_environment(tmp_path)
    settings = json.loads((Path(environment["XDG_CONFIG_HOME"]) / "rerun" / "analytics.json").read_text())
    assert settings["analytics_enabled"] is False


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ViewError, match=r"pip install 'egorear_ros\[view\]'"):
        ViewServer(port=0)
