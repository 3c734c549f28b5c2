"""Outputs: a plan's tables and figures, drawn into files, frozen, and made again from what was frozen."""

from __future__ import annotations

import io
import os
import tempfile
import traceback
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from results import figures as figure_pages
from results import tables
from results.analysis import labels
from results.drawing import style
from results.records import frozen, sealed
from results.records.plan import Plan
from results.records.reading import load
from results.records.result_set import ResultSet
from results.records.store import Store
from results.tables import latex
from steeplechase.errors import RecordError, StoreError, UserError, did_you_mean, first_line

_RESULTS = Path(__file__).parent


def draw(
    console: Console,
    store: Store,
    plan: Plan,
    columns: int = 2,
    journal: str | None = None,
    latex_columns: Iterable[str] = (),
) -> list[str]:
    """Prints the plan's tables, draws its figures, and says where they lie.

    Args:
        console: where tables are printed.
        store: that has the records, and below `output` gets the files.
        plan: whose tables and figures are made.
        columns: 1 or 2, of a page; for one, no table is made, and the figures lie in a folder of their own.
        journal: of style.JOURNALS; what is made for its pages lies in a folder of its own: the figures, and the summary
            as LaTeX for one column. None: for none.
        latex_columns: of latex.COLUMNS, those that the summary has as LaTeX; none: all, and for a journal latex.NARROW.

    Returns:
        What could not be made, a sentence each.

    Raises:
        RecordError: for a damaged table, and where nothing is recorded.
        StoreError: where nothing can be read or written.
    """
    wanted, folder = plan.tables, store.root / "output" / plan.name
    fitted = latex_columns or (latex.NARROW if journal else ())
    if columns == 1 or journal:
        wanted = ()
        folder = folder / "_".join(filter(None, [journal, "one_column" if columns == 1 else ""]))
    results = load(store, plan)
    if results.rows.empty:
        results.complete()  # which says what is missing
    drawn = dict.fromkeys([*plan.figures, *figure_pages.named_files()])
    written, faults = make(console, results, wanted, drawn, folder, columns=columns, journal=journal)
    if fitted:
        written, faults = _fit(labels.labelled(results), fitted, folder, written, faults)
    if written:
        kinds = sorted({str(path.with_suffix(".*")) for path in written})
        console.print(f"Tables and figures: {escape(', '.join(kinds))}")
    return faults


def _fit(
    results: ResultSet, columns: Iterable[str], folder: Path, written: list[Path], faults: list[str]
) -> tuple[list[Path], list[str]]:
    """Writes the summary as LaTeX with these columns; returns the files and the faults with what came of it."""
    try:
        return [*written, latex.write(results, folder, columns)], faults
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from None
    except Exception as error:  # as in `make`
        return written, [*faults, f"the summary could not be made as LaTeX: {why(error)}."]


def make(
    console: Console,
    results: ResultSet,
    table_names: Iterable[str],
    figures: Iterable[str],
    folder: Path,
    kinds: Iterable[str] = ("png", "svg", "pdf"),
    columns: int = 2,
    journal: str | None = None,
) -> tuple[list[Path], list[str]]:
    """Prints these tables and draws these figures into the folder: one that cannot be made does not keep the others
    back.

    Args:
        console: where tables are printed.
        results: of which they are made; figures need complete ones.
        table_names: of tables.TABLES.
        figures: names of results/figures.
        folder: where the files go; it is made where it is not there.
        kinds: which files of a figure (style.save).
        columns: 1 or 2, of a page.
        journal: of style.JOURNALS, for whose page it is; None: for none.

    Returns:
        (the files, what could not be made, a sentence each).

    Raises:
        StoreError: where the folder cannot be written.
        BrokenPipeError: where nobody reads the console any more.
    """  # noqa: DOC501 (the other errors are caught here)
    written: list[Path] = []
    faults: list[str] = []
    table_names, figures, source = list(table_names), list(figures), ""
    faults += labels.unknown_methods(results)
    results = labels.labelled(results)
    if table_names or figures:
        _make_ready(folder)
    try:
        for name in table_names:
            try:
                if name not in tables.TABLES:
                    raise RecordError("there is none of this name")
                written += tables.make(name, results, folder, console)
            except OSError:
                raise
            except Exception as error:  # whatever a table meets in records that others wrote is told
                faults.append(f"the table {name} could not be made: {why(error)}.")
        try:
            if figures:
                results.complete()
        except RecordError as error:
            return written, [*faults, str(error)]
        for name in figures:
            try:
                figure = figure_pages.drawn(name, results, columns, journal)
            except Exception as error:  # a figure is anybody's code
                faults.append(f"the figure {name} could not be drawn: {why(error)}.")
                continue
            source = source or frozen.source(results)  # it takes seconds of many rows
            try:
                written += style.save(figure, folder, name, source, kinds, columns, journal)
            except OSError:
                raise
            except Exception as error:  # Matplotlib does much of its work only now
                faults.append(f"the figure {name} could not be drawn: {why(error)}.")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from None
    return written, faults


def why(error: Exception) -> str:
    """What went wrong, in one clause; of what nobody foresaw, also where."""
    said = first_line(error).rstrip(".")
    if isinstance(error, RecordError):
        return said
    frames = traceback.extract_tb(error.__traceback__)
    folders, caller = [Path(place) for place in figure_pages.__path__], Path(figure_pages.__file__)
    folders += [path.parent for path in figure_pages.named_files().values()]
    own = [frame for frame in frames if (path := Path(frame.filename)).parent in folders and path != caller]
    own = own or [frame for frame in frames if Path(frame.filename).is_relative_to(_RESULTS)] or frames
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({Path(error.filename or '?').name}, line {error.lineno})"
    return f"{type(error).__name__}: {said} ({Path(own[-1].filename).name}, line {own[-1].lineno})"


def _make_ready(folder: Path) -> None:
    """Makes the folder, and looks at what lies in it: a pipe there would wait for a reader for ever, and a link could
    lead out of the store.

    Raises:
        StoreError: for a pipe or a link, and where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
                    raise StoreError(f"{entry.path} is no file, where tables and figures are written: move it away.")
    except FileExistsError:
        raise StoreError(f"{folder} cannot be written: a file lies where a folder is needed.") from None
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}.") from None


def freeze(console: Console, store: Store, plan: Plan, folder: Path) -> list[str]:
    """Freezes a plan's table, and beside it what is made of it.

    Args:
        console: where tables are printed.
        store: that has the records.
        plan: whose table it is.
        folder: that gets NAME.parquet and NAME/.

    Returns:
        What of that could not be made, a sentence each.

    Raises:
        RecordError: for a damaged or incomplete table.
        StoreError: where nothing can be read or written.
    """
    path = frozen.write(load(store, plan), vars(plan), folder)
    _, faults = make(console, *thawed(path), folder / plan.name)
    console.print(f"Frozen: {escape(str(path))}")
    return faults


def verify(console: Console, folder: Path, names: Iterable[str] = ()) -> list[str]:
    """Makes again what was made of these frozen tables, or of every one, and says, a sentence each, what has become
    another, and which table cannot be believed.

    Tables are compared to the byte, and figures as SVG to the byte where the versions that draw are those of then.

    Args:
        console: where it is said how many files were compared.
        folder: that has the frozen tables.
        names: of some of them; none: of all.

    Returns:
        The sentences; none where all is as it was.

    Raises:
        RecordError: where there is no frozen table.
    """
    paths = [folder / f"{name}.parquet" for name in names] or sorted(folder.glob("*.parquet"))
    if not paths:
        raise RecordError(f"there is no frozen table in {folder}; `python -m runners.figures --freeze NAME` makes one.")
    said = []
    for path in paths:
        try:
            said += _compared(console, path)
        except (RecordError, StoreError) as error:
            said.append(str(error))
    return said


def _compared(console: Console, path: Path) -> list[str]:
    """What of that has become another than what is made of this table now. Raises RecordError and StoreError."""
    results, about = frozen.read(path)
    others = [name for name, then in about["versions"].items() if _version(name) != then]
    with tempfile.TemporaryDirectory() as fresh:
        plan = about["plan"]
        drawn = [] if others else plan["figures"]
        compared, said = make(Console(file=io.StringIO()), results, plan["tables"], drawn, Path(fresh), ["svg"])
        said = [f"{path.stem}: {fault}" for fault in said]
        for new in compared:
            old = path.with_suffix("") / new.name
            try:
                if sealed.read(old) != new.read_bytes():
                    said.append(f"{path.stem}/{new.name} is not what its table gives.")
            except FileNotFoundError:
                said.append(f"{path.stem}/{new.name} is missing.")
    words = f", its figures not compared, since {', '.join(others)} have other versions" if others else ""
    counted = f"{path.stem}: {len(compared)} files made again and compared{words}."
    console.print(counted, highlight=False, markup=False)
    return said


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def thawed(path: Path) -> tuple[ResultSet, list[str], list[str]]:
    """(the results, the names of their tables, those of their figures) of a frozen table's file."""
    results, about = frozen.read(path)
    return results, about["plan"]["tables"], about["plan"]["figures"]


def check_names(figures: list[str], table_names: list[str]) -> None:
    """Does nothing where there are these figures and tables.

    Args:
        figures: their names, or those that they had before (figures.RENAMED).
        table_names: of tables.TABLES.

    Raises:
        UserError: for a figure or a table that there is not.
    """
    for name in figures:
        if name not in figure_pages.RENAMED:
            _check_name("figure", name, figure_pages.names())
    for name in table_names:
        _check_name("table", name, list(tables.TABLES))


def check_journal(name: str) -> None:
    """Does nothing where there is this journal.

    Args:
        name: of it.

    Raises:
        UserError: for any other.
    """
    _check_name("journal", name, list(style.JOURNALS))


def _check_name(kind: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise UserError(
            f"there is no {kind} '{name}'{did_you_mean(name, known)} Known are: {', '.join(sorted(known))}."
        )
