"""Which names and texts of the packages bear a word that is no longer written; as a command, all of them as YAML."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins")
WORDS = yaml.safe_load((ROOT / "tests/words.yaml").read_text(encoding="utf-8"))


def names_of_code(text: str) -> Iterator[tuple[str, str]]:
    """(kind, name) of each class, function, parameter, field and constant of a file."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield "class", node.name
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    yield "field", line.target.id
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield "function", node.name
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            given = node.args
            for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
                if one is not None:
                    yield "parameter", one.arg
    for line in tree.body:
        for target in line.targets if isinstance(line, ast.Assign) else ():
            if isinstance(target, ast.Name):
                yield "constant", target.id


def keys_of_configuration(content: object) -> Iterator[tuple[str, str]]:
    """("key", name) of each key but Hydra's own."""
    for key, value in content.items() if isinstance(content, dict) else ():
        if key != "hydra":
            yield "key", str(key)
            yield from keys_of_configuration(value)


def parts(name: str) -> list[str]:
    """The words of a name, small: between underscores, and where a capital begins one."""
    if name.startswith("__") and name.endswith("__"):
        return []
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word.lower() for word in re.split(r"\W|_", apart) if word]


def inside(file: str, places: list[str]) -> bool:
    """Whether a file is one of these, or below one of these folders."""
    return any(file == place or file.startswith(f"{place}/") for place in places)


def instead(kind: str, name: str, file: str) -> str:
    """What is written instead of a name of this kind in this file; "" where it bears no such word."""
    words = parts(name)
    free = WORDS["means_an_estimator"] if inside(file, WORDS["means_an_estimator"]["where"]) else {"words": []}
    for word in words:
        if kind != "constant" and word in WORDS["parts"] and word not in free["words"]:
            return WORDS["parts"][word]
    for pair, better in WORDS["pairs"].items():
        if pair in "_".join(words):
            return better
    for rule in WORDS["names"]:
        if name.strip("_") == rule["name"] and kind in rule["kinds"] and inside(file, rule["where"]):
            return rule["instead"]
    return ""


def texts(text: str) -> Iterator[str]:
    """Every string of a file, docstrings among them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def names_left(root: Path = ROOT) -> dict[str, list[str]]:
    """By file, each "kind name" that bears a word."""
    pairs: dict[str, set] = {}
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            pairs[str(path.relative_to(root))] = {("module", path.stem), *names_of_code(path.read_text("utf-8"))}
    for path in (root / "conf").rglob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        pairs[str(path.relative_to(root))] = set(keys_of_configuration(content))
    left = {
        file: sorted(f"{kind} {name}" for kind, name in names if instead(kind, name, file))
        for file, names in pairs.items()
    }
    return {file: left[file] for file in sorted(left) if left[file]}


def texts_left(root: Path = ROOT) -> dict[str, dict[str, int]]:
    """By file, how often each expression stands in its strings."""
    left = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            strings = list(texts(path.read_text(encoding="utf-8")))
            counts = {word: sum(len(re.findall(word, string)) for string in strings) for word in WORDS["texts"]}
            if any(counts.values()):
                left[str(path.relative_to(root))] = {word: count for word, count in counts.items() if count}
    return left


if __name__ == "__main__":
    print("# Where words of tests/words.yaml still stand. It only becomes shorter: rename, and take the line out.")
    print("# `python -m tests.oracles.words` prints what stands where.")
    yaml.safe_dump({"names": names_left(), "texts": texts_left()}, sys.stdout, allow_unicode=True, sort_keys=False)
