"""The examples run as they stand, shortly, and end with a figure."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
STEPS = 25
LINES = 60
PICTURE = 300_000  # bytes


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_draws_its_figure(example: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    folders = {"TMPDIR": str(run), "XDG_RUNTIME_DIR": str(run), "VIZWORKER_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, example, str(STEPS), tmp_path / "images"],
        env={**os.environ, **folders},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "the search goes on" not in done.stderr
    with Image.open(tmp_path / "images" / "fit.png") as image:
        assert image.size[0] > 1000
        shades = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(shades) > 50


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_shown(example: Path) -> None:
    assert len(example.read_text().splitlines()) < LINES
    picture = ROOT / "docs" / "images" / f"{example.stem}.png"
    assert picture.stat().st_size < PICTURE
    page = (ROOT / "docs" / "any-model.md").read_text()
    assert f"../examples/{example.name}" in page
    assert f"images/{picture.name}" in page


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
