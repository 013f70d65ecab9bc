"""Parameter files by name, and the Fast DDS profile."""

import logging
from collections import namedtuple
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from egorear_ros.bridge import params_file
from egorear_ros.bridge.params_file import PROFILE_VARIABLES, find_params_file, use_shared_memory_profile
from egorear_ros.config import ConfigError

Usage = namedtuple("Usage", "total used free")


def test_a_name_is_a_file_of_the_package_and_a_path_is_a_path(tmp_path: Path) -> None:
    assert find_params_file("rig").name == "rig.yaml"
    path = tmp_path / "my.yaml"
    path.write_text("")
    assert find_params_file(str(path)) == path


@pytest.mark.parametrize("name", ["nothing", "./nothing.yaml", "/nowhere/rig.yml"])
def test_a_missing_file_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=r"nothing|nowhere.*") as caught:
        find_params_file(name)
    assert "rig" in str(caught.value) and "demo" in str(caught.value)


@pytest.fixture
def free_bytes(monkeypatch: Any) -> Any:
    def install(free: int) -> None:
        monkeypatch.setattr(params_file, "SHARED_MEMORY", Path("/"))
        monkeypatch.setattr(params_file.shutil, "disk_usage", lambda path: Usage(free, 0, free))

    return install


def test_the_profile_is_for_all_versions_of_fast_dds_and_has_large_segments(free_bytes: Any) -> None:
    free_bytes(8 * 10**9)
    environment: dict[str, str] = {}
    use_shared_memory_profile(environment)
    assert set(environment) == set(PROFILE_VARIABLES)
    root = ET.parse(environment[PROFILE_VARIABLES[0]]).getroot()
    sizes = [int(one.text or "") for one in root.iter() if one.tag.endswith("segment_size")]
    assert sizes == [64 * 2**20]


@pytest.mark.parametrize("variable", PROFILE_VARIABLES)
def test_the_users_own_profile_stays(free_bytes: Any, variable: str) -> None:
    free_bytes(8 * 10**9)
    environment = {variable: "/my.xml"}
    use_shared_memory_profile(environment)
    assert environment == {variable: "/my.xml"}


def test_too_little_shared_memory_is_said_and_the_default_stays(free_bytes: Any, caplog: Any) -> None:
    free_bytes(64 * 10**6)
    environment: dict[str, str] = {}
    with caplog.at_level(logging.WARNING):
        use_shared_memory_profile(environment)
    assert environment == {}
    assert "64 MB free" in caplog.text and "--shm-size" in caplog.text
