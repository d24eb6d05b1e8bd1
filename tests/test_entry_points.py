"""What others register: the example of `docs/new-fit-type.md` as an installed distribution."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from running import small_frame

from search_hooks import extract
from vizworker import layouts
from vizworker.errors import LayoutError

PAGE = Path(__file__).parents[1] / "docs" / "new-fit-type.md"
LIMIT = 80  # lines of the whole example

SCRIPT = """
import sys
import autofit as af
import numpy as np
from autonerves import conf
from line_fit.analysis import AnalysisLine, Line

conf.instance.output_path = sys.argv[1]
wavelength = np.linspace(0.0, 10.0, 60)
flux = 2.0 * np.exp(-0.5 * ((wavelength - 4.0) / 0.8) ** 2)
flux += np.random.default_rng(1).normal(0.0, 0.1, 60)
model = af.Collection(
    centre=af.UniformPrior(0.0, 10.0),
    width=af.UniformPrior(0.1, 3.0),
    height=af.UniformPrior(0.0, 5.0),
)
analysis = AnalysisLine(wavelength, flux, np.full(60, 0.1))
af.Nautilus(name="line", n_live=50, n_batch=20, n_like_max=200, seed=1).fit(model, analysis)
"""


def blocks(language: str) -> dict[str, str]:
    """The page's code by the file name before it."""
    paragraph = r"^`([\w./]+)`(?:(?!^```|\n\n).)*\n\n"
    block = rf"{paragraph}```{language}\n(.*?)^```"
    return dict(re.findall(block, PAGE.read_text(), re.M | re.S))


def install(folder: Path, name: str, files: dict[str, str], groups: dict[str, dict[str, str]]):
    """What pip leaves in `folder` of a distribution with these files and entry points."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in points.items()))
    ]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's example installed."""
    folder = tmp_path_factory.mktemp("site")
    groups = tomllib.loads(blocks("toml")["pyproject.toml"])["project"]["entry-points"]
    install(folder, "line_fit", {"line_fit/__init__.py": "", **blocks("python")}, groups)
    return folder


@pytest.fixture
def importable(site: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(site))
    layouts._registered.cache_clear()
    extract._registered.cache_clear()
    yield
    layouts._registered.cache_clear()
    extract._registered.cache_clear()


def test_the_example_is_short() -> None:
    files = blocks("python") | blocks("toml")
    assert len(files) == 4
    assert sum(len(text.splitlines()) for text in files.values()) < LIMIT


def test_a_registered_analysis_is_taken_apart_and_drawn(importable: None) -> None:
    from line_fit.analysis import AnalysisLine, Line

    wavelength = np.linspace(0.0, 10.0, 30)
    analysis = AnalysisLine(wavelength, np.ones(30), np.full(30, 0.5))
    extractor = extract.extractor_for(analysis)
    arrays = {name: np.asarray(array) for name, array in extractor.arrays(Line()).items()}
    arrays.pop("log_likelihood")
    frame = small_frame(layout=extractor.layout, arrays=extractor.finish(arrays))
    (sheet,) = layouts.sheets(frame)
    assert [panel.title for panel in sheet.panels] == ["Line", "Normalized Residual"]
    np.testing.assert_array_equal(sheet.panels[0].marks[0].points[:, 1], wavelength)


def test_a_registered_layout_that_fails_is_named_and_its_arrays_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "def sheets(frame):\n    return frame.arrays['spectrum']\n"
    install(
        tmp_path,
        "broken_fit",
        {"broken_fit.py": code},
        {"vizworker.layouts": {"broken": "broken_fit:sheets", "gone": "no_such_module:sheets"}},
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(LayoutError, match=r"broken_fit:sheets failed: KeyError: 'spectrum'"):
        layouts.sheets(small_frame(layout="broken"))
    with pytest.raises(LayoutError, match=r"no_such_module:sheets failed: ModuleNotFoundError"):
        layouts.sheets(small_frame(layout="gone"))
    (sheet,) = layouts.shown(small_frame(layout="broken"))
    assert sheet.panels[0].title == "data"
    assert "broken_fit:sheets failed" in sheet.notes[0]


def test_what_nobody_registers_is_unknown() -> None:
    with pytest.raises(LayoutError, match="'hologram' is unknown"):
        layouts.sheets(small_frame(layout="hologram"))


def test_a_search_of_a_registered_analysis_gets_its_figure(site: Path, tmp_path: Path) -> None:
    script = tmp_path / "fit.py"
    script.write_text(SCRIPT)
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    folders = {"TMPDIR": str(run), "XDG_RUNTIME_DIR": str(run), "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-m", "search_hooks", script, tmp_path / "output", "--viz-worker"],
        env={**os.environ, **folders, "PYAUTO_SKIP_VISUALIZATION": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (image,) = (tmp_path / "output").glob("**/image/fit.png")
    assert image.read_bytes().startswith(b"\x89PNG")
    assert re.search(r"line: [1-9]\d* figures drawn", done.stderr + done.stdout)
