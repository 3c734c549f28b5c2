"""The command, started as a user starts it: in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUIET = ["figures=[]", "tables=[]"]


def sweep(*arguments, store, module="runners.sweep", root=ROOT, timeout=240):
    command = [sys.executable, "-m", module, *arguments, *([f"store={store}"] if store else [])]
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=timeout, check=False, encoding="utf-8"
    )
