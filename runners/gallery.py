"""python -m runners.gallery: the book of estimators on one page, docs/estimators.md, with every slope drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from results.drawing import gallery, staircase, style
from runners import command
from runners.configuration import choices, estimator_files
from runners.docs import shapes
from runners.docs.estimators_markdown import table

FOLDER, PAGE = "docs", "estimators.md"
FIGURE, STEPS = "surrogates", "staircase"


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 written or up to date, 1 not up to date, 2 a mistake in the command."""
    parser = command.Parser(prog="python -m runners.gallery", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="an estimator; estimator.file=PATH adds one (none: the whole book)"
    )
    parser.add_argument("--folder", default=FOLDER, help=f"where page and figure go (default: {FOLDER})")
    parser.add_argument("--check", action="store_true", help="write nothing, and say whether the page is up to date")
    options = parser.parse_intermixed_args(arguments)
    names = _asked(estimator_files.name_files(options.names))
    text = table(names)
    path = Path(options.folder) / PAGE
    if options.check:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return 0
        return command.fail(f"{path} is not what the book says now: run `make docs`.", 1)
    try:
        written = style.save(gallery.draw(shapes.shapes(names)), options.folder, FIGURE)
        if len(steps := shapes.staircase(names)):
            written += style.save(staircase.draw(steps), options.folder, STEPS)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return command.fail(f"{options.folder} cannot be written: {error.strerror}.", 2)
    drawn = ", ".join(dict.fromkeys(str(file.with_suffix(".*")) for file in written))
    print(f"Estimators: {path}; their slopes: {drawn}")
    return 0


def _asked(names: Sequence[str]) -> list[str]:
    """The names, else those of the book and of named files; the book has them then. Raises UserError."""
    for name in names:
        choices.defaults_of("estimator", name)  # a name that is none is answered here, in no time
    from runners.training import setup

    setup.start_tensorflow("cpu")
    import estimators
    from runners.execution import contract, loading

    for name in (*estimator_files.files(), *names):
        loading.register(name)
    contract.require_contract()
    return list(dict.fromkeys(names)) or sorted(estimators.registry)


if __name__ == "__main__":
    command.run(main)
