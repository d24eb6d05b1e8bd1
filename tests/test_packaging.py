"""What is installed where: one distribution, a worker without JAX, set-up that repeats nothing."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import requires
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SH = shutil.which("sh") or "/bin/sh"
FAMILY = ("autofit", "autoarray", "autogalaxy", "autolens")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this tree."""
    folder = str(tmp_path_factory.mktemp("wheel"))
    [built] = WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return Parser().parsestr(wheel.read(info(wheel, "METADATA")).decode())


def info(wheel: zipfile.ZipFile, name: str) -> str:
    [found] = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return found


def required(metadata: Message, extra: str) -> set[str]:
    """Names of what is installed with one extra, or with none."""
    requirements = map(Requirement, metadata.get_all("Requires-Dist") or [])
    return {
        canonicalize_name(each.name)
        for each in requirements
        if each.marker is None or each.marker.evaluate({"extra": extra})
    }


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_one_wheel_holds_both_packages(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "vizworker",
        "search_hooks",
    }
    assert {"vizworker/py.typed", "search_hooks/py.typed", "search_hooks/demo_lens.py"} <= names
    assert "MIT License" in wheel.read(info(wheel, "licenses/LICENSE")).decode()
    entry_points = wheel.read(info(wheel, "entry_points.txt")).decode()
    assert "vizworker = vizworker.cli:main" in entry_points


def test_worker_installs_without_jax_and_pyautolens(metadata: Message) -> None:
    hosts = {"jax", "jaxlib", *FAMILY}
    assert required(metadata, "").isdisjoint(hosts)
    assert required(metadata, "jax") & hosts == {"jax", "jaxlib"}
    assert "autolens" in required(metadata, "autolens")


def test_every_requirement_is_pinned_within_its_range(metadata: Message) -> None:
    pinned = pins()
    for requirement in map(Requirement, metadata.get_all("Requires-Dist") or []):
        if requirement.name != "vizworker":
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("host", FAMILY)
def test_pins_are_those_that_the_host_asks_for(host: str) -> None:
    pinned = pins()
    for requirement in map(Requirement, requires(host) or []):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), requirement


def test_constraints_are_exact_versions_alone() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line) for line in lines)
    assert "vizworker" not in pins()


def test_importing_search_hooks_does_not_run_or_import_the_demo() -> None:
    program = "import sys, search_hooks; sys.exit('search_hooks.demo_lens' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def find_python(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the search for a Python with nothing but `path` to look in."""
    return subprocess.run(
        [SH, str(ROOT / "tools" / "find_python.sh")],
        env={"PATH": str(path), "PYENV_ROOT": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_python_that_is_named_is_taken(tmp_path: Path) -> None:
    found = find_python(tmp_path, PYTHON=sys.executable)
    assert found.returncode == 0
    assert Path(found.stdout.strip()).exists()


def test_python_that_cannot_be_used_is_named_and_another_one_found(tmp_path: Path) -> None:
    (tmp_path / "python3.12").symlink_to(sys.executable)
    found = find_python(tmp_path, PYTHON="python2")
    assert found.returncode == 0
    assert "PYTHON=python2 is not a Python >= 3.12" in found.stderr


def test_no_python_at_all_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    found = find_python(tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "needs Python 3.12 or newer" in found.stderr
    assert "make setup PYTHON=" in found.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree whose environment is set up, as far as make can see."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000, 1000))
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("bin/python", ".installed"):
        (tmp_path / ".venv" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".venv" / name).touch()
    return tmp_path


def would_run(clone: Path, target: str) -> str:
    """What make would do."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make here")
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        [make, "-n", target],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_nothing_is_installed_twice(clone: Path) -> None:
    assert "install" not in would_run(clone, "setup")
    assert would_run(clone, "test").splitlines() == [
        ".venv/bin/python -m pytest -n 2 --dist loadfile"
    ]


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed_before_anything_runs(clone: Path, changed: str) -> None:
    os.utime(clone / ".venv" / ".installed", (2000, 2000))
    os.utime(clone / changed, (3000, 3000))
    steps = would_run(clone, "demo")
    assert steps.index("pip install") < steps.index("vizworker demo")
    assert "-m venv" not in steps
