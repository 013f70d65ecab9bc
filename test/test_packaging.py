"""What gets installed: versions agree, every node and data file is there, nothing of one machine leaks out."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import egorear_ros
from egorear_ros.paths import share_dir

REPOSITORY = Path(__file__).resolve().parents[1]


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def tracked_files() -> list[Path]:
    """Return the files that git knows; all but ignored folders where this is no git checkout."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


def manifest() -> ET.Element:
    return ET.parse(REPOSITORY / "package.xml").getroot()


def test_versions_agree() -> None:
    version = manifest().findtext("version")
    declared = re.search(r'^version = "(.+?)"', read("pyproject.toml"), re.MULTILINE)
    assert declared is not None
    assert declared[1] == version == egorear_ros.__version__
    assert f"\n## {version} " in read("CHANGELOG.md")


def test_package_manifest_is_complete() -> None:
    root = manifest()
    assert root.get("format") == "3"
    assert {url.get("type") for url in root.iter("url")} == {"website", "repository", "bugtracker"}
    assert root.findtext("license") == "Apache-2.0"
    assert "Apache License" in read("LICENSE")


def test_manifest_names_every_ros_package_that_is_imported() -> None:
    declared = {node.text for node in manifest().iter() if node.tag.endswith("depend")}
    used = set()
    for path in [*(REPOSITORY / "egorear_ros").rglob("*.py"), *(REPOSITORY / "launch").glob("*.py")]:
        used |= set(
            re.findall(
                r"^\s*(?:from|import) (\w+_(?:msgs|interfaces|srvs)|rclpy|launch|launch_ros)\b",
                path.read_text(),
                re.MULTILINE,
            )
        )
    assert used <= declared, f"add to package.xml: {sorted(used - declared)}"


def test_messages_are_all_built() -> None:
    built = set(re.findall(r'"msg/(\w+)\.msg"', read("CMakeLists.txt")))
    assert built == {path.stem for path in (REPOSITORY / "msg").glob("*.msg")}


def test_every_node_has_an_executable() -> None:
    line = re.search(r"foreach\(node (.+?)\)", read("CMakeLists.txt"))
    assert line is not None
    nodes = {
        path.stem for path in (REPOSITORY / "egorear_ros" / "nodes").glob("*.py") if "\ndef main(" in path.read_text()
    }
    assert set(line[1].split()) == nodes


def test_data_files_are_found() -> None:
    for name in ("calib/ego4view_syn.yaml", "config/rig.yaml", "launch/rig.launch.py", "rviz/egorear.rviz"):
        assert (share_dir() / name).is_file(), name


def test_every_package_is_installed() -> None:
    packages = {path.parent.name for path in REPOSITORY.glob("egorear_*/__init__.py")}
    for listing in ("CMakeLists.txt", "pyproject.toml", "scripts/setup_venv.py"):
        for package in packages:
            assert package in read(listing), f"{package} is missing in {listing}"


def test_no_link_of_the_environment_leads_nowhere() -> None:
    """A source that was removed would be found by whoever lists the package, and not be there."""
    links = (path for path in Path(egorear_ros.__path__[0]).parent.glob("egorear_*/**/*") if path.is_symlink())
    assert [path for path in links if not path.exists()] == []


def test_requirements_are_pinned_exactly() -> None:
    for path in sorted((REPOSITORY / "requirements").glob("*.txt")):
        for line in path.read_text().splitlines():
            requirement = line.split("#")[0].strip()
            assert not requirement or re.match(r"^[\w.-]+(\[[\w,]+\])?==[\w.]+( ?;.+)?$", requirement), (
                f"{path.name}: {line}"
            )


def test_everything_pip_needs_is_pinned() -> None:
    table = re.search(r"^dependencies = \[(.+?)^\]", read("pyproject.toml"), re.DOTALL | re.MULTILINE)
    assert table is not None
    pinned = read("requirements/run.txt") + read("requirements/torch.txt")
    for name in re.findall(r'"([\w-]+)', table[1]):
        assert re.search(rf"^{name}==", pinned, re.MULTILINE), f"{name} is in pyproject.toml and not pinned"


def test_tracked_files_name_no_machine() -> None:
    """No path of somebody's machine and no package index: they would only work there."""
    here = "|".join(re.escape(f"{path}/") for path in (REPOSITORY, Path.home()) if len(path.parts) > 1)
    foreign = re.compile(
        rf"{here}|/home/(?!me/|user/)\w|/Users/\w|\bpypi\.org|pythonhosted|registry\.npm|deb\.debian\.org"
    )
    for path in tracked_files():
        if path == Path(__file__).resolve() or b"\0" in path.read_bytes():
            continue
        found = foreign.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(REPOSITORY)}: {found}"


def test_tracked_files_are_small() -> None:
    for path in tracked_files():
        assert path.stat().st_size < 25e6, f"{path}: too large for a source repository"


def test_the_library_needs_no_ros() -> None:
    """Models, geometry and the command line are imported by people who have no ROS."""
    program = (
        "import sys\n"
        "class NoRos:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('rclpy', 'sensor_msgs', 'tf2_msgs') or name == 'egorear_ros.msg':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoRos())\n"
        "import egorear_ros.models.egorear, egorear_ros.geometry.fisheye\n"
        "import egorear_ros.estimators.factory, egorear_ros.cli\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.ros
def test_messages_are_those_of_the_sources() -> None:
    """The built messages have the fields of msg/: who changed one runs `make setup` or colcon again."""
    import egorear_ros.msg

    for path in sorted((REPOSITORY / "msg").glob("*.msg")):
        fields = re.findall(r"^[\w/]+(?:\[\])? (\w+)$", path.read_text(), re.MULTILINE)
        built = getattr(egorear_ros.msg, path.stem).get_fields_and_field_types()
        assert fields, f"nothing was read from {path.name}"
        assert list(built) == fields


@pytest.mark.ros
def test_tf_message_has_the_type_of_a_distribution() -> None:
    from tf2_msgs.msg import TFMessage

    assert TFMessage.get_fields_and_field_types() == {"transforms": "sequence<geometry_msgs/TransformStamped>"}


@pytest.mark.ros
def test_ros_works_in_spawned_processes(tmp_path: Path) -> None:
    """ROS's wheels start the interpreter once more to set the library path: children must survive that."""
    program = (
        "import multiprocessing\n"
        "import rclpy\n"
        "from egorear_ros.msg import BodyPose\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(str, (BodyPose.OK,)))\n"
    )
    script = tmp_path / "spawn.py"
    script.write_text(program)
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert result.stdout.strip() == "1", result.stderr
