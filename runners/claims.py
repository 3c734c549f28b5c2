"""python -m runners.claims: what the README says of results, held against the frozen tables. No TensorFlow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import claims, frozen
from results.schema import RecordError

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- claims: made by `python -m runners.claims --write` -->", "<!-- end of claims -->"


def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 the README says what was found, 1 it does not, or a claim cannot be evaluated."""
    parser = argparse.ArgumentParser(prog="python -m runners.claims", description=__doc__)
    parser.add_argument("--claims", type=Path, default=claims.FILE, help="another file of claims")
    parser.add_argument("--frozen", type=Path, default=frozen.FOLDER, metavar="FOLDER", help="where the tables are")
    parser.add_argument("--readme", type=Path, default=README, help="the page that says them")
    parser.add_argument("--write", action="store_true", help="write them into the page, between its marks")
    options = parser.parse_args(arguments)
    try:
        found = claims.evaluate(options.claims, options.frozen)
        page = options.readme.read_text(encoding="utf-8")
        wanted = replaced(page, found)
    except (RecordError, OSError) as error:
        print(f"steeplechase: {error}", file=sys.stderr)
        return 1
    table = Table(box=SIMPLE, show_edge=False)
    for column in ("claim", "verdict", "evidence"):
        table.add_column(column, overflow="fold")
    for claim in found:
        table.add_row(escape(claim.says), claim.verdict, escape(claim.evidence))
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    if options.write:
        options.readme.write_text(wanted, encoding="utf-8")
    elif wanted != page:
        print(
            f"steeplechase: {options.readme.name} says something else; `python -m runners.claims --write` mends it.",
            file=sys.stderr,
        )
        return 1
    return 0


def replaced(page: str, found: list[claims.Claim]) -> str:
    """The page with these claims between its marks. Raises RecordError for a page without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RecordError(f"the page has no lines “{BEGIN}” and “{END}” for the claims to stand between.")
    body = "\n".join(claims.lines(found))
    return f"{before}{BEGIN}\n\n{body}\n\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
