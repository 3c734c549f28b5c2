"""What the site makes from the code: tables of keys and columns, what commands print, and links that leave docs.

Directives: `command` (what a command line prints), `keys` (of a sweep), `arguments` (of tasks, optimizers and hard
functions), `tasks`, `experiments` and `columns` (of records). They read what the program itself reads, so that no page
says anything else than the code.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import posixpath
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"
# Files of the repository that the site has a page for: a link to one of them leads there.
PAGES = {
    "README.md": "docs/index.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "CHANGELOG.md": "docs/changelog.md",
    "results/ledger.md": "docs/ledger.md",
    "results/frozen": "docs/frozen.md",
    "docs/examples/seed.ipynb": "docs/examples/seed.ipynb",
}
LINK = re.compile(r"(\]\()([^)\s#][^)\s]*)(\))")
INTERVAL = re.compile(r"\[(-?[\d.]+), (-?[\d.]+)\]")  # in a table it stays on one line
ELSEWHERE = re.compile(r"[a-z]+:")
FROZEN = re.compile(r"results/frozen/(\w+)/(\w+)\.md")  # sections of the page docs/frozen.md


def mended(text: str, folder: str, page_folder: str) -> str:
    """A text's links, as they lead to the same places from a page of the site.

    Args:
        text: Markdown.
        folder: of the repository in which the text lies, from which its links start: "" or "docs/how-to".
        page_folder: of the page that shows it.

    Returns:
        The text; what is no link, or a link to another host, is as it was.
    """

    def one(match: re.Match) -> str:
        target = match[2]
        if ELSEWHERE.match(target):
            return match[0]
        path, hash_, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(folder, path))
        if place + hash_ + anchor in PAGES:
            place, hash_, anchor = PAGES[place + hash_ + anchor], "", ""
        elif place in PAGES:
            place = PAGES[place]
        elif frozen := FROZEN.fullmatch(place):
            place, hash_, anchor = "docs/frozen.md", "#", f"{frozen[1]}-{frozen[2]}"
        return match[1] + posixpath.relpath(place, page_folder or ".") + hash_ + anchor + match[3]

    text = LINK.sub(one, text)
    return re.sub(r"^\|.*$", lambda row: INTERVAL.sub("[\\1,\u00a0\\2]", row[0]), text, flags=re.MULTILINE)


def _start(_app: Sphinx) -> None:
    """TensorFlow, which autodoc imports, without what it would tell of itself."""
    from runners.training import setup as training

    training.start_tensorflow("cpu")


def _read_page(app: Sphinx, name: str, content: list[str]) -> None:
    if str(app.env.doc2path(name)).endswith(".md"):
        folder = posixpath.join(DOCS, posixpath.dirname(name)).rstrip("/")
        content[0] = mended(content[0], folder, folder)


def _read_included(app: Sphinx, relative: Path, _parent: str, content: list[str]) -> None:
    place = posixpath.normpath(posixpath.join(DOCS, relative.as_posix()))
    content[0] = mended(content[0], posixpath.dirname(place), DOCS)


def _plain(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Our docstrings are plain sentences with code between backticks: other signs of reStructuredText mean nothing."""
    parts = [line.split("`") for line in lines]
    lines[:] = ["`".join(one if at % 2 else one.replace("|", r"\|") for at, one in enumerate(line)) for line in parts]
    for at, line in enumerate(lines[:-1]):
        if line == "Returns:":  # a sentence, in which napoleon would take what stands before a colon for the type
            lines[at + 1] = re.sub(r"^(\s*)", r"\1: ", lines[at + 1])


def _signature(_app, what: str, _name, thing, _options, signature: str | None, returned: str | None):
    """What a class is made of, where Keras hides it; and defaults that are made anew, in signs that Python reads."""
    if what == "class" and signature == "(*args, **kwargs)":
        parameters = [*inspect.signature(thing.__init__).parameters.values()][1:]
        plain = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
        return str(inspect.Signature(plain)), returned
    return signature and signature.replace("<factory>", "..."), returned


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines]


def _code(value: object) -> str:
    """A value as it is typed on the command line."""
    if value is None or isinstance(value, bool):
        return f"`{'null' if value is None else str(value).lower()}`"
    if value == "":
        return "empty"
    if value in ({}, []):
        return "none"
    return f"`{str(value).replace(chr(39), '')}`"


def _section(docstring: str | None, title: str) -> dict[str, str]:
    """{name: meaning} of a section of a docstring in Google's form."""
    found: dict[str, str] = {}
    inside, name = False, ""
    for line in (docstring or "").splitlines():
        if re.fullmatch(r"\s*\w+:", line):
            inside = line.strip() == f"{title}:"
        elif inside and (entry := re.match(r" {4,8}([\w*]+): (.*)", line)) and not line.startswith(" " * 9):
            name = entry[1]
            found[name] = entry[2]
        elif inside and line.strip() and name:
            found[name] += f" {line.strip()}"
    return found


def _comment(path: Path) -> str:
    """The comment on top of a file of the configuration, as one paragraph."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


class Generated(SphinxDirective):
    """A directive whose content is Markdown that is made while the site is built."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The nodes of what `lines` gives."""
        for path in self.sources():
            self.env.note_dependency(str(path))
        node = nodes.container()
        self.state.nested_parse(StringList(self.lines(), self.env.docname), self.content_offset, node)
        return node.children

    def lines(self) -> list[str]:
        """The Markdown."""
        raise NotImplementedError

    def sources(self) -> Iterable[Path]:
        """The files on which it depends."""
        return [Path(__file__), *(ROOT / "conf").rglob("*.yaml"), *(ROOT / "runners").glob("**/*.py")]


class Keys(Generated):
    """Every key of a sweep: its default, and what it means."""

    def lines(self) -> list[str]:
        """The table."""
        from runners.configuration import schema

        base = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text(encoding="utf-8"))
        chosen = {group: name for one in base["defaults"] if isinstance(one, dict) for group, name in one.items()}
        told = _section(schema.Sweep.__doc__, "Attributes")
        rows = []
        for field in dataclasses.fields(schema.Sweep):
            missing = dataclasses.MISSING
            default = field.default if field.default_factory is missing else field.default_factory()
            default = base.get(field.name, default)
            if field.name in schema.PARTS:
                group = schema.PARTS[field.name]
                default = chosen.get(group if group == field.name else f"{group}@{field.name}")
            rows.append([f"`{field.name}`", _code(default), told[field.name]])
        return _table(["key", "default", "meaning"], rows)


class Arguments(Generated):
    """The keys of one group's pages, by page: those of tasks, optimizers or hard functions."""

    required_arguments = 1
    optional_arguments = 0

    def lines(self) -> list[str]:
        """The tables."""
        [group] = self.arguments
        return self.of_tasks() if group == "task" else self.of_others(group)

    def of_tasks(self) -> list[str]:
        """A table for each task, in the words of its function."""
        import tasks

        lines: list[str] = []
        for name in tasks.registry:
            docstring = tasks.registry[name].__doc__
            told = _section(docstring, "Args")
            page = yaml.safe_load((ROOT / "conf" / "task" / f"{name}.yaml").read_text(encoding="utf-8"))
            told = {**told, "steps": "updates; also said by `steps`"}
            rows = [[f"`task.{name}.{key}`", _code(page[key]), told[key]] for key in page if key != "name"]
            first = " ".join(docstring.partition("\n\n")[0].split())
            lines += [f"**{name}.** {first}", "", *_table(["key", "default", "meaning"], rows), ""]
        return lines

    def of_others(self, group: str) -> list[str]:
        """One table: a page a line."""
        from runners.configuration.choices import GRID_KEYS

        rows = []
        for path in sorted((ROOT / "conf" / group).glob("*.yaml")):
            page = yaml.safe_load(path.read_text(encoding="utf-8"))
            own = [f"{key}={value}" for key, value in page.items() if key not in ("name", "keras", *GRID_KEYS)]
            own = [part.replace("None", "null").replace("False", "false").replace("True", "true") for part in own]
            rows.append([f"`{path.stem}`", _comment(path), " ".join(f"`{part}`" for part in own) or "none"])
        return _table(["name", "what it is", "its keys, with their defaults"], rows)


class Tasks(Generated):
    """The tasks, each in its own words and with what it costs and could show."""

    optional_arguments = 0

    def sources(self) -> Iterable[Path]:
        """The tasks and what was frozen of them."""
        frozen = (ROOT / "results" / "frozen").glob("*/verdicts.csv")
        return [Path(__file__), *(ROOT / "tasks").glob("*.py"), *(ROOT / "runners" / "docs").glob("*.py"), *frozen]

    def lines(self) -> list[str]:
        """The sections."""
        from runners.docs import tasks_markdown

        return tasks_markdown.sections()


class Drawn(Generated):
    """The estimators for drawn values, each with its formula and what is promised of its mean."""

    optional_arguments = 0

    def sources(self) -> Iterable[Path]:
        """The estimators, and what writes them down."""
        folders = ("estimators/sampling", "estimators/expectations", "runners/docs")
        return [Path(__file__), *(path for folder in folders for path in (ROOT / folder).glob("*.py"))]

    def lines(self) -> list[str]:
        """The table and the sections."""
        from runners.docs import drawn_markdown

        return [*_table(*drawn_markdown.overview()), "", *drawn_markdown.sections()]


class Experiments(Generated):
    """The recipes of conf/experiment, each in the words of its first lines."""

    def lines(self) -> list[str]:
        """The table."""
        rows = [[f"`{path.stem}`", _comment(path)] for path in sorted((ROOT / "conf" / "experiment").glob("*.yaml"))]
        return _table(["experiment", "what it asks"], rows)


class Columns(Generated):
    """Every column that the rows of a result set may have, or those of its summary or its verdicts."""

    def sources(self) -> Iterable[Path]:
        """Where columns are declared."""
        return [Path(__file__), *(ROOT / "results").rglob("*.py"), *(ROOT / "tasks").glob("*.py")]

    def lines(self) -> list[str]:
        """The table."""
        import tasks
        from results.analysis import contrasts, summary
        from results.records import schema

        if self.arguments:
            own = {"summary": summary, "verdicts": contrasts}[self.arguments[0]].COLUMNS
            return _table(["column", "meaning"], [[f"`{name}`", meaning] for name, meaning in own.items()])
        rows = []
        for name, one in schema.COLUMNS.items():
            meaning = one.meaning + ("" if one.required else " *(not in every record)*")
            rows.append([f"`{name}`", one.kind, meaning, one.unit, one.better])
        meaning = "half-width of the slopes, in spreads of what arrives at a site"
        rows.append([f"`{schema.WIDTH}`", "parameter", meaning, "", ""])
        parts = ", ".join(f"`{part}`" for part in schema.PARTS)
        meaning = f"a number or a word of the configuration, as `estimator.scale`; PART is one of {parts}"
        rows.append(["`PART.KEY`", "parameter", meaning, "", ""])
        scalar = {"dim": 1, "mixing": "identity", "start": -1.0, "target": 1.0}  # the notebook's case measures more
        for name in tasks.registry:
            tried = [{}, scalar] if name == "sign_fitting" else [{}]
            declared = {key: one for chosen in tried for key, one in tasks.registry[name](**chosen).measures.items()}
            for key, one in declared.items():
                rows.append([f"`{key}`", "number", f"{one.label}, of the task `{name}`", one.unit, one.better])
        for name, one in schema.SITES.items():
            meaning = f"{one.meaning}, at each hard site, with `gradient_flow=true`"
            rows.append([f"`site.{name}.SITE`", one.kind, meaning, one.unit, one.better])
        return _table(["column", "kind", "meaning", "unit", "better"], rows)


class Command(SphinxDirective):
    """What a command line prints, run while the site is built."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The line, and below it what it prints."""
        line = self.arguments[0]
        for path in [
            Path(__file__),
            ROOT / "Makefile",
            *(ROOT / "conf").rglob("*.yaml"),
            *(ROOT / "runners").glob("*.py"),
        ]:
            self.env.note_dependency(str(path))
        text = f"$ {line}\n{printed(line)}"
        return [nodes.literal_block(text, text, language="console")]


def printed(line: str) -> str:
    """What a command prints where 100 letters fit a line.

    Args:
        line: as it is typed in the repository's folder; `python` is the Python that builds the site.

    Returns:
        Its standard output.

    Raises:
        RuntimeError: where it does not end with 0.
    """
    words = shlex.split(line)
    words[0] = sys.executable if words[0] == "python" else words[0]
    environment = {**os.environ, "COLUMNS": "100", "PYTHONUTF8": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(f"`{line}` ended with {done.returncode}: {done.stderr}")
    return done.stdout.rstrip()


def setup(app: Sphinx) -> dict[str, object]:
    """Registers the directives, and what mends links and docstrings."""
    app.connect("builder-inited", _start)
    app.connect("source-read", _read_page)
    app.connect("include-read", _read_included)
    app.connect("autodoc-process-docstring", _plain, priority=100)  # before napoleon's
    app.connect("autodoc-process-signature", _signature)
    for name, directive in {
        "keys": Keys, "arguments": Arguments, "experiments": Experiments, "tasks": Tasks, "drawn": Drawn,
        "columns": Columns, "command": Command,
    }.items():  # fmt: skip
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
