"""Anything imports only from its left: the layers of docs/architecture.md, read from the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# From left to right. A module may import those of its own group and of every group before it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("skeleton", "structures", "config", "paths", "names", "tracing"),
    ("geometry", "heatmap", "metrics"),
    ("models",),
    ("runtimes",),
    (
        "estimators",
        "sync",
        "sync_grouping",
        "sync_status",
        "sources",
        "bags",
        "ros_messages",
        "drawing",
        "latest",
        "stamp_buffer",
        "live_status",
    ),
    ("viewer",),
    ("bridge",),
    ("nodes",),
    ("commands", "benchmarks"),
    ("cli",),
)
RANK = {module: rank for rank, group in enumerate(LAYERS) for module in group}
KNOWS_ROS = ("bridge", "nodes")
KNOWS_ROS_LAZILY = ("commands", "benchmarks")
COMPANIONS = ("egorear_synth", "egorear_train", "egorear_eval")
MAY_USE_COMPANIONS = ("sources/wearer.py", "nodes/wearer.py", "nodes/evaluate.py")
"""Besides commands and benchmarks; all of them lazily."""

ROS_PACKAGES = {
    "rclpy", "ament_index_python", "builtin_interfaces", "cv_bridge", "diagnostic_msgs", "geometry_msgs", "launch",
    "launch_ros", "lifecycle_msgs", "message_filters", "rcl_interfaces", "rosgraph_msgs", "rosidl_runtime_py",
    "sensor_msgs", "std_msgs", "std_srvs", "tf2_msgs", "tf2_ros", "visualization_msgs", "egorear_ros.msg",
}  # fmt: skip


def sources(package: str) -> list[Path]:
    """Return the modules of a package."""
    return sorted((REPOSITORY / package).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (dotted name, whether it is imported inside a function) for every import of a module.

    Imports for type checkers alone (`if TYPE_CHECKING:`) count as lazy: they never run.
    """
    yield from _imports_below(ast.parse(path.read_text(encoding="utf-8")), lazy=False)


def _imports_below(node: ast.AST, lazy: bool) -> Iterator[tuple[str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports hide where a name comes from"
            assert child.module is not None
            yield from ((f"{child.module}.{alias.name}", lazy) for alias in child.names)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _imports_below(child, lazy or inside or for_types)


def module_of(path: Path) -> str:
    """Return the first name below the package: `geometry` for egorear_ros/geometry/fisheye.py."""
    return path.relative_to(REPOSITORY).parts[1].removesuffix(".py")


def is_of(name: str, packages: set[str] | tuple[str, ...]) -> bool:
    """Return whether a dotted name is one of some packages or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def violations(path: Path) -> list[str]:
    """Return what a module of egorear_ros imports and must not."""
    layer = module_of(path)
    found = []
    for name, lazy in imports(path):
        if is_of(name, ROS_PACKAGES):
            if not (layer in KNOWS_ROS or (layer in KNOWS_ROS_LAZILY and lazy)):
                found.append(name)
        elif is_of(name, COMPANIONS):
            relative = str(path.relative_to(REPOSITORY / "egorear_ros"))
            if not (lazy and (layer in KNOWS_ROS_LAZILY or relative in MAY_USE_COMPANIONS)):
                found.append(name)
        elif name.startswith("egorear_ros.") and layer != "__init__":
            imported = name.split(".")[1]
            if imported in RANK and RANK[imported] > RANK[layer]:
                found.append(name)
    return found


@pytest.mark.parametrize("path", sources("egorear_ros"), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_imports_come_from_the_left(path: Path) -> None:
    assert violations(path) == [], f"{module_of(path)} must not import these"


@pytest.mark.parametrize("package", COMPANIONS)
def test_companions_know_nothing_right_of_the_estimators(package: str) -> None:
    last = RANK["estimators"]
    for path in sources(package):
        for name, _ in imports(path):
            assert not is_of(name, ROS_PACKAGES), f"{path}: {name}"
            if name.startswith("egorear_ros."):
                assert RANK.get(name.split(".")[1], 0) <= last, f"{path}: {name}"


def test_every_module_has_its_layer() -> None:
    modules = {module_of(path) for path in sources("egorear_ros")} - {"__init__"}
    assert modules <= set(RANK), f"place these in LAYERS: {modules - set(RANK)}"


def test_layers_name_no_module_that_is_gone() -> None:
    modules = {module_of(path) for path in sources("egorear_ros")}
    assert set(RANK) <= modules, f"remove these from LAYERS: {set(RANK) - modules}"


@pytest.mark.parametrize("path", sources("egorear_ros"), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 450, "one idea per file"


def test_a_wrong_import_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule itself can fail."""
    monkeypatch.setitem(globals(), "REPOSITORY", tmp_path)
    path = tmp_path / "egorear_ros" / "geometry" / "wrong.py"
    path.parent.mkdir(parents=True)
    path.write_text("import rclpy\nfrom egorear_ros.nodes import pose\nfrom egorear_ros import structures\n")
    assert violations(path) == ["rclpy", "egorear_ros.nodes.pose"]
    path = tmp_path / "egorear_ros" / "commands" / "run.py"
    path.parent.mkdir(parents=True)
    path.write_text("import egorear_synth\ndef run():\n    import rclpy, egorear_eval.tables\n")
    assert violations(path) == ["egorear_synth"]
