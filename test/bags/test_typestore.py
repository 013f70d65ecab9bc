"""Message types without ROS, also where the package was installed."""

import runpy
from pathlib import Path

import pytest
import setuptools

from egorear_ros.bags import typestore as module
from egorear_ros.bags.base import BagError
from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, TF_MESSAGE, typestore

REPOSITORY = Path(__file__).resolve().parents[2]


def test_all_types_of_a_rig_are_known() -> None:
    ours = {f"egorear_ros/msg/{path.stem}" for path in (REPOSITORY / "msg").glob("*.msg")}
    assert BODY_POSE in ours
    assert ours | {COMPRESSED_IMAGE, IMAGE, CAMERA_INFO, TF_MESSAGE} <= set(typestore().types)


def test_an_installed_package_has_the_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    files = dict(runpy.run_path(str(REPOSITORY / "setup.py"))["data_files"]())
    assert set(files["share/egorear_ros/msg"]) == {f"msg/{path.name}" for path in (REPOSITORY / "msg").glob("*.msg")}


def test_an_installation_without_them_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "share_dir", lambda: tmp_path)
    with pytest.raises(BagError, match="no message definitions. Install the package again"):
        typestore.__wrapped__()
