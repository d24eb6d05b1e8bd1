"""`docs/settings.md` and `--help` say what the settings are."""

from pathlib import Path

from typer.testing import CliRunner

from vizworker.cli import app
from vizworker.manual import page
from vizworker.settings import SETTINGS

ROOT = Path(__file__).parents[1]


def test_page_of_settings_is_current() -> None:
    written = (ROOT / "docs" / "settings.md").read_text()
    assert written == page(), "run: python -m vizworker.manual > docs/settings.md"


def test_help_lists_every_setting_with_its_variable() -> None:
    shown = CliRunner().invoke(app, ["serve", "--help"]).stdout
    words = set(shown.replace(")", " ").replace(";", " ").split())
    for setting in SETTINGS:
        assert {setting.flag, setting.variable} <= words
