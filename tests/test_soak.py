"""The short form of the soak: `make soak` lasts an hour."""

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parent / "soak.py"


def test_searches_that_come_and_go_among_faults_lose_nothing() -> None:
    flags = ["--minutes", "0.2", "--runs", "3", "--lasting", "8", "--between", "2"]
    end = subprocess.run([sys.executable, SOAK, *flags], capture_output=True, text=True)
    assert end.returncode == 0, end.stdout + end.stderr
    assert "frames lost" in end.stdout
