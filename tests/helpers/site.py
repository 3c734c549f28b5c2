"""The documentation, built and done as it says: its site, its blocks of code in order, its notebook.

`python -m tests.helpers.site` runs the notebook and writes its outputs into it.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOK = DOCS / "examples" / "seed.ipynb"
BLOCK = re.compile(r"^```(python|sh|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# One process for all blocks of Python, as a session has it; a block that begins with the name of a file is that file.
SESSION = """\
import json, re, subprocess, sys
names = {"__name__": "__main__"}
sys.path.insert(0, "")
for kind, text in json.load(open(sys.argv[1], encoding="utf-8")):
    print("-" * 20, text, sep="\\n", flush=True)
    if kind != "python":
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text])
        if done.returncode:
            sys.exit(f"this ended with {done.returncode}: {text}")
    elif file := re.match(r"# (\\w+\\.py)\\n", text):
        open(file[1], "w", encoding="utf-8").write(text)
    else:
        exec(compile(text, "a block of the page", "exec"), names)
"""
EXECUTE = """\
import sys, nbformat
from nbclient import NotebookClient
source, target, folder = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
for cell in notebook.cells:  # what libraries tell of themselves, and how what was printed was cut
    outputs = [one for one in cell.get("outputs", ()) if one.get("name") != "stderr"]
    printed = [one for one in outputs if one.output_type == "stream"]
    for one in printed[1:]:
        printed[0].text += one.text
        outputs.remove(one)
    if cell.cell_type == "code":
        cell.outputs = outputs
        cell.metadata.pop("execution", None)
nbformat.write(notebook, target)
"""


def build(folder: Path, builder: str = "html", source: Path = DOCS) -> subprocess.CompletedProcess:
    """Builds the site as `make site` does.

    Args:
        folder: where it goes, into a folder of the builder's name.
        builder: of Sphinx.
        source: the folder that has the pages.

    Returns:
        How it went.
    """
    command = ["-W", "--keep-going", "-q", "-b", builder, "-d", str(folder / "doctrees")]
    return run([sys.executable, "-m", "sphinx", *command, str(source), str(folder / builder)], ROOT)


def built(folder: Path) -> Path:
    """The site, built without a warning: the folder of its pages."""
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def run(line: list[str], folder: Path) -> subprocess.CompletedProcess:
    """A command in a folder, with this environment's Python as `python` and this project to import."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    return subprocess.run(
        line, cwd=folder, env=own, capture_output=True, text=True, encoding="utf-8", check=False, timeout=900
    )


def blocks(page: Path) -> list[tuple[str, str]]:
    """The blocks of code of a page that can be run, in order: (python, sh or console; the text)."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def run_page(page: Path, folder: Path) -> subprocess.CompletedProcess:
    """Runs all blocks of a page as written, in an empty folder.

    Args:
        page: Markdown.
        folder: where it is run.

    Returns:
        How it went; it ends at the first block that fails.
    """
    with tempfile.TemporaryDirectory() as beside:
        given = Path(beside) / "blocks.json"
        given.write_text(json.dumps(blocks(page)), encoding="utf-8")
        return run([sys.executable, "-c", SESSION, str(given)], folder)


def run_notebook(folder: Path, target: Path) -> subprocess.CompletedProcess:
    """Runs the notebook in a folder, and writes it with its outputs to `target`."""
    return run([sys.executable, "-c", EXECUTE, str(NOTEBOOK), str(target), str(folder)], folder)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        done = run_notebook(Path(place), NOTEBOOK)
    sys.exit(done.stderr if done.returncode else 0)
