"""What every test stands on: a safe JAX backend, no display, and nothing written into the tree."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_scratch = Path(tempfile.mkdtemp(prefix="vizworker-tests-"))

# a PSF convolution on XLA's own CPU thread pool can hang for ever
os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_cpu_multi_thread_eigen=false"]
).strip()
os.environ["MPLBACKEND"] = "Agg"
os.environ["MPLCONFIGDIR"] = str(_scratch / "matplotlib")
os.environ["XDG_RUNTIME_DIR"] = str(_scratch / "run")
os.environ["XDG_CACHE_HOME"] = str(_scratch / "cache")
os.environ["XDG_DATA_HOME"] = str(_scratch / "data")
os.environ["VIZWORKER_DATA"] = str(_scratch / "vizworker")
(_scratch / "run").mkdir(mode=0o700)

import pytest  # noqa: E402
from autonerves import conf, jax_wrapper  # noqa: E402, F401  turns JAX's x64 mode on

EXPECTED_WARNINGS = (
    # old numpy idioms and dtype requests inside autoarray, autogalaxy and autolens
    "ignore:.*:DeprecationWarning:(autoarray|autogalaxy|autolens|autofit|autonerves)",
    "ignore:.*:RuntimeWarning:(autoarray|autogalaxy|autolens|autofit)",
    "ignore:.*:FutureWarning:(autoarray|autogalaxy|autolens|autofit)",
    "ignore:No blurring_image provided:UserWarning",
    # of JAX and of Python, wherever a test forks on purpose
    "ignore:.*fork:RuntimeWarning",
    "ignore:.*fork:DeprecationWarning",
    # of hypothesis, which would print a whole random frame
    "ignore:Generating overly large repr",
    "ignore:Mask padded from:UserWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings are errors, but for those that are expected."""
    for item in items:
        for line in EXPECTED_WARNINGS:
            item.add_marker(pytest.mark.filterwarnings(line))


@pytest.fixture(scope="session")
def scratch() -> Path:
    """A folder of this test session."""
    return _scratch


@pytest.fixture(scope="session", autouse=True)
def _outside_the_tree() -> Iterator[None]:
    """The host writes beside the working directory: it is not the repository."""
    before = Path.cwd()
    work = _scratch / "work"
    work.mkdir()
    os.chdir(work)
    conf.instance.output_path = str(_scratch / "output")
    yield
    os.chdir(before)
    shutil.rmtree(_scratch, ignore_errors=True)
