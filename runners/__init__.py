"""Above the wings: introduces estimators to tasks, runs them, saves what was found."""

import importlib.util
import sys
from pathlib import Path


def _check_wings() -> None:
    """Sees to it that the wings are ours, or ends `python -m` with exit code 2.

    `python -m` looks into the current folder first, and somebody's own tasks.py there would be imported in place of
    ours.

    Raises:
        ImportError: where somebody else's would be imported, and no `python -m` is under way.
    """
    ours = Path(__file__).parents[1]
    for wing in ("steeplechase", "estimators", "tasks", "results"):
        found = importlib.util.find_spec(wing)
        if found is not None and found.origin is None:  # a mere folder, as a store is: ours comes first from here on
            sys.path.insert(0, str(ours))
            found = importlib.util.find_spec(wing)
        place = Path(found.origin) if found is not None and found.origin else None
        if place != ours / wing / "__init__.py":
            said = f"{place or wing} stands in place of Steeplechase's '{wing}': rename it, or work in another folder."
            if sys.argv[:1] == ["-m"]:  # which is there while Python looks for the module to run
                print(f"steeplechase: {said}", file=sys.stderr)
                sys.exit(2)
            raise ImportError(said)
    # Hydra imports all that lies in a folder of this name, wherever Python looks first.
    plugins = Path(sys.path[0] or ".") / "hydra_plugins"
    if sys.argv[:1] == ["-m"] and plugins.is_dir() and plugins.resolve() != ours / "hydra_plugins":
        print(f"steeplechase: {plugins} would be run by Hydra: rename it, or work in another folder.", file=sys.stderr)
        sys.exit(2)


_check_wings()
