"""Imports run one way: the worker knows nothing of a search, the search nothing of drawing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOSTS = {"jax", "jaxlib", "autofit", "autogalaxy", "autolens", "autoarray", "autonerves"}

# what a module, or every module of a package, may import of ours
MAY_IMPORT = {
    "vizworker": set(),
    "vizworker.errors": set(),
    "vizworker.values": set(),
    "vizworker.settings": {"errors", "config", "values"},
    "vizworker.config": {"auth", "values"},
    "vizworker.auth": {"errors"},
    "vizworker.keys": {"errors", "auth"},
    "vizworker.gate": {"errors", "frame", "config", "keys"},
    "vizworker.panels": {"errors"},
    "vizworker.frame": {"errors", "panels"},
    "vizworker.wire": {"errors", "frame", "panels"},
    "vizworker.mailbox": {"errors", "frame"},
    "vizworker.turns": {"frame", "mailbox", "wire"},
    "vizworker.wake": set(),
    "vizworker.runs": {"errors", "frame", "wire", "config"},
    "vizworker.receive": {"errors", "frame", "wire", "auth", "gate", "keys"},
    "vizworker.post": {
        "config",
        "discovery",
        "errors",
        "frame",
        "gate",
        "keys",
        "receive",
        "wire",
    },
    "vizworker.desk": {"errors", "frame", "post", "runs", "turns", "wire"},
    "vizworker.draw": {"frame", "render"},
    "vizworker.executors": {"errors", "frame", "wire", "config", "draw", "executors"},
    "vizworker.layouts": {"errors", "frame", "layouts", "panels"},
    "vizworker.render": {"errors", "frame", "layouts", "render"},
}
SEARCH_SIDE = {"errors", "frame", "wire", "auth", "panels"}
DRAWS = ("vizworker.render",)


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """The modules and packages directly below `vizworker` that a file imports."""
    found = {name.split(".")[1] for name in imports(path) if name.startswith("vizworker.")}
    return found - {"__version__"}


WORKER_SIDE = list(modules("vizworker"))
SEARCH = list(modules("search_hooks"))


@pytest.mark.parametrize(("name", "path"), WORKER_SIDE, ids=lambda value: str(value))
def test_worker_side_imports_one_way(name: str, path: Path) -> None:
    tops = {imported.split(".")[0] for imported in imports(path)}
    assert not tops & (HOSTS | {"search_hooks"})
    if "matplotlib" in tops:
        assert name.startswith(DRAWS)
    rule = next((rule for rule in (name, *_parents(name)) if rule in MAY_IMPORT), None)
    if rule is not None and (rule != "vizworker" or name == "vizworker"):
        assert ours(path) <= MAY_IMPORT[rule]


@pytest.mark.parametrize(("name", "path"), SEARCH, ids=lambda value: str(value))
def test_search_side_imports_only_the_contract(name: str, path: Path) -> None:
    assert ours(path) <= SEARCH_SIDE
    assert "matplotlib" not in {imported.split(".")[0] for imported in imports(path)}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("search_hooks", {"matplotlib", "zmq", "jax", "autofit", "numpy"}),
        ("search_hooks.publish", {"matplotlib", "zmq", "jax", "autofit"}),
        ("search_hooks.spawn", {"matplotlib", "zmq", "jax", "autofit", "numpy"}),
        ("vizworker", {"matplotlib", "zmq", "numpy"}),
        ("vizworker.cli", {"matplotlib", "zmq", "numpy"}),
        ("vizworker.executors", {"matplotlib", "distributed"}),
        ("vizworker.worker", {"matplotlib", "jax", "autofit", "autolens", "search_hooks"}),
        ("vizworker.render.figure", {"matplotlib.pyplot", "jax", "autofit", "autolens"}),
    ],
)
def test_import_is_light(module: str, absent: set[str]) -> None:
    ask = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", ask], capture_output=True, text=True, timeout=60, check=True
    )
    assert not absent & set(done.stdout.split())


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
