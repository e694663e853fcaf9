"""The README's transcript is what the demonstration prints, and it ends by itself in time."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- demo: a test keeps it true -->\n```text\n(.*?)```\n", re.DOTALL)
SECONDS = re.compile(r"\d+\.\d s")


def masked(text):
    """Seconds differ from run to run; nothing else may."""
    return SECONDS.sub("0.0 s", text)


def demo(folder):
    program = Path(sys.executable).with_name("commonwatt")
    done = subprocess.run(
        [program, "demo"], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_transcript_is_true_and_the_demo_can_be_made_again(tmp_path):
    block = BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    assert masked(demo(tmp_path)) == masked(block[1])
    assert masked(demo(tmp_path)) == masked(block[1])
    (tmp_path / "commonwatt-demo/made-by-commonwatt-demo.txt").unlink()
    program = Path(sys.executable).with_name("commonwatt")
    again = subprocess.run(
        [program, "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 2
    assert "no demonstration" in again.stderr
