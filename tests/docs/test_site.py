"""The documentation: it builds without a warning, its links lead somewhere, and what it says to type works."""

import json
import re
import shlex
import socket
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

import steeplechase
from results import figures
from results.records import schema as columns
from runners.configuration import axes, figure_files, schema
from runners.configuration.overrides import check_overrides, values_by_key
from tests.helpers.site import BLOCK, DOCS, NOTEBOOK, ROOT, blocks, build, built, run_notebook, run_page
from tests.oracles.records import make

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "results/ledger.md"])
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+\b|…")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built once."""
    return built(tmp_path_factory.mktemp("site"))


class Page(HTMLParser):
    """What an HTML page has and leads to."""

    def __init__(self, text):
        super().__init__()
        self.places, self.links, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, _, attrs):
        given = dict(attrs)
        self.places |= {given[key] for key in ("id", "name") if given.get(key)}
        self.links += [given[key] for key in ("href", "src") if given.get(key)]

    def handle_data(self, data):
        self.text += data


def lost(folder):
    """Links of the HTML pages in a folder, to files and places there, that lead nowhere: (page, link)."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:|//", link):
                continue
            file, _, place = link.partition("#")
            target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
            there = target.exists() and (not place or target not in pages or unquote(place) in pages[target].places)
            if not there:
                yield str(path.relative_to(folder.resolve())), link


def test_every_link_and_picture_of_the_site_is_there(site):
    assert len([*site.rglob("*.html")]) > 25
    assert not [*lost(site)]


def test_a_lost_link_is_seen(tmp_path):
    text = '<a href="b.html#here">1</a><a href="b.html#gone">2</a><img src="c.png"><a href="https://x.example">4</a>'
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="here">', encoding="utf-8")
    assert [*lost(tmp_path)] == [("a.html", "b.html#gone"), ("a.html", "c.png")]


def slug(heading):
    """The anchor that a heading in Markdown has where the repository is shown."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", "")).replace(" ", "-")


def lost_in(page):
    """Links of a page in Markdown, to files and headings of the repository, that lead nowhere."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, place = link.partition("#")
        target = (page.parent / unquote(file)).resolve() if file else page
        own = target.read_text(encoding="utf-8") if target.suffix == ".md" and target.exists() else ""
        headings = {slug(one) for one in re.findall(r"^#+ (.+)$", own, re.MULTILINE)}
        headings |= set(re.findall(r"^\((.+)\)=$", own, re.MULTILINE))
        if not target.exists() or (place and place not in headings and "{include}" not in own):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_in_the_repository_is_there(page):
    assert not [*lost_in(page)]


def test_a_link_to_no_heading_is_seen(tmp_path):
    (tmp_path / "b.md").write_text("# It is here, `too`\n", encoding="utf-8")
    (tmp_path / "a.md").write_text("[1](b.md#it-is-here-too) [2](b.md#gone) [3](c.md) `[4](d.md)`", encoding="utf-8")
    assert [*lost_in(tmp_path / "a.md")] == ["b.md#gone", "c.md"]


def test_the_reference_has_every_command_key_column_and_name(site):
    text = {name: Page((site / f"reference/{name}.html").read_text(encoding="utf-8")) for name in ("commands", "keys")}
    text["python"] = Page((site / "reference/python.html").read_text(encoding="utf-8"))
    with_main = [path for path in (ROOT / "runners").glob("*.py") if "command.run(" in path.read_text(encoding="utf-8")]
    commands = {path.stem for path in with_main} - {"command"}
    assert len(commands) > 7
    assert not [name for name in commands if f"python -m runners.{name} --help" not in text["commands"].text]
    assert not [key for key in schema.Sweep.__dataclass_fields__ if key not in text["keys"].text]
    assert not [name for name in (*columns.COLUMNS, *columns.SITES) if name not in text["python"].text]
    places = {place.rpartition(".")[2] for place in text["python"].places if "steeplechase." in place}
    assert {*steeplechase.__all__} - places == {"__version__"}


LINES = [
    (page, line)
    for page in sorted(DOCS.glob("how-to/*.md"))
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
    for line in text.replace("\\\n", " ").splitlines()
    if kind != "python" and line.startswith("python -m runners.sweep") and not PLACEHOLDER.search(line)
]


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda one: one.stem if isinstance(one, Path) else None)
def test_a_sweep_of_a_how_to_is_one(page, line):
    """Its keys and choices are there."""
    words = [
        word
        for word in shlex.split(line.partition("#")[0])[3:]
        if not word.startswith(("-", "estimator.file", "task.file"))
    ]
    check_overrides(words)
    default = yaml.safe_load((ROOT / "conf/experiment/convergence.yaml").read_text(encoding="utf-8"))
    own = [f"{key}={value}" for key, value in default["hydra"]["sweeper"]["params"].items()]
    words = [word for word in words if not word.startswith(("experiment=", "hydra", "device"))]
    assert axes.split(values_by_key([*own, *words], None), {"function": "sign"}, {})


# Ten minutes at small sizes: what is written, and what stands in its place.
SMALL = {
    "task.steps=200": "task.steps=20",
    "'seed=range(8)'": "'seed=range(2)'",
    "width=1,2": "width=1",
    "epochs=10": "epochs=1",
}


@pytest.mark.long
@pytest.mark.parametrize("small", [True, False])
def test_ten_minutes_can_be_typed_as_they_are_written(tmp_path, small):
    page = tmp_path / "page.md"
    text = (DOCS / "ten-minutes.md").read_text(encoding="utf-8")
    for written, less in SMALL.items() if small else ():
        assert text.count(written) == 1, written
        text = text.replace(written, less)
    page.write_text(text, encoding="utf-8")
    done = run_page(page, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " promises are kept" in done.stdout and "broken" not in done.stdout
    drawn = tmp_path / "results/output/mine/one_column"
    assert {"convergence.pdf", "convergence.png", "convergence.svg"} <= {path.name for path in drawn.iterdir()}
    assert (tmp_path / "convergence.pdf").stat().st_size > 5_000 and (tmp_path / "mine.keras").exists()


def test_the_figure_of_the_how_to_is_drawn(tmp_path, monkeypatch):
    [(kind, text), *_] = blocks(DOCS / "how-to/own-figure.md")
    file = tmp_path / re.match(r"# (\w+\.py)\n", text)[1]
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv(figures.FILES, "")
    figure_files.name_files([f"figure.file={file}"])
    figure = figures.drawn(file.stem, make(estimators=("ste", "tanh_slope"), seeds=2))
    assert kind == "python" and len(figure.axes[0].lines) == 2


@pytest.mark.long
def test_the_how_tos_go_on_from_ten_minutes(tmp_path):
    for page in ("ten-minutes", "how-to/compare", "how-to/own-figure"):
        done = run_page(DOCS / f"{page}.md", tmp_path)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (tmp_path / "results/output/mine/spread_of_rates.pdf").exists()


def test_a_block_that_fails_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n```sh\nls > list\n```\n```python\nassert x == 2\n```\n", encoding="utf-8")
    assert len(blocks(page)) == 3
    done = run_page(page, tmp_path)
    assert done.returncode and "AssertionError" in done.stderr and (tmp_path / "list").exists()


def printed(notebook):
    """What the first cells of a notebook print or show as text: numbers of one x."""
    outputs = [one for cell in notebook["cells"][:10] for one in cell.get("outputs", ())]
    return ["".join(one.get("text") or one["data"]["text/plain"]) for one in outputs]


@pytest.mark.long
def test_the_notebook_runs_and_says_what_it_was_committed_with(tmp_path):
    done = run_notebook(tmp_path, tmp_path / "run.ipynb")
    assert done.returncode == 0, done.stderr[-3000:]
    ran = json.loads((tmp_path / "run.ipynb").read_text(encoding="utf-8"))
    committed = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert len(printed(ran)) > 3 and printed(ran) == printed(committed), "run `python -m tests.helpers.site`"
    kinds = {kind for cell in ran["cells"] for one in cell.get("outputs", ()) for kind in one.get("data", ())}
    assert {"image/png", "text/html"} <= kinds
    assert NOTEBOOK.stat().st_size < 400_000


@pytest.mark.long
def test_every_link_to_another_host_answers(tmp_path):
    try:
        socket.create_connection(("arxiv.org", 443), timeout=5).close()
    except OSError:
        pytest.skip("there is no network")
    done = build(tmp_path, "linkcheck")
    assert done.returncode == 0, (tmp_path / "linkcheck/output.txt").read_text(encoding="utf-8")
