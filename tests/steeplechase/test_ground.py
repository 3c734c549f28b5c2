"""The ground floor: errors, the registry, and the public face."""

import importlib
import subprocess
import sys

import pytest

import estimators
import steeplechase
import tasks
from estimators.excluded import EXCLUDED
from steeplechase.errors import RecordError, StoreError, UnknownName, Unsupported, UserError, did_you_mean
from steeplechase.registry import Registry
from tests.oracles.command import ROOT


@pytest.fixture
def registry():
    made = Registry("tool", "saw", load=str.upper, aliases=lambda tool: tool["also"], excluded={"axe": "it is blunt"})
    made.register("hammer", {"also": ("mallet", "Big-Hammer")})
    return made


def test_what_is_registered_or_loaded_is_there(registry):
    assert dict(registry) == {"saw": "SAW", "hammer": {"also": ("mallet", "Big-Hammer")}}
    assert "saw" in registry and "axe" not in registry and registry.get("axe") is None and len(registry) == 2
    assert registry.pop("hammer")["also"] and list(registry) == ["saw"] and registry.pop("hammer", None) is None
    loaded = []
    lazy = Registry("tool", "saw", "file", load=loaded.append)
    assert sorted(lazy) == ["file", "saw"] and "saw" in lazy and not loaded, "asking for names loads nothing"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MALLET", "there is no tool 'MALLET': it is called 'hammer' here."),
        ("big_hammer", "there is no tool 'big_hammer': it is called 'hammer' here."),
        ("Hammer", "there is no tool 'Hammer': it is called 'hammer' here."),
        ("axe", "there is no tool 'axe': it was left out, because it is blunt."),
        ("hammr", "there is no tool 'hammr'; did you mean 'hammer'? Known are: hammer, saw."),
        ("mallit", "there is no tool 'mallit'; did you mean 'hammer'? Known are: hammer, saw."),
        ("zzz", "there is no tool 'zzz'. Known are: hammer, saw."),
    ],
)
def test_a_name_that_there_is_not(registry, name, said):
    with pytest.raises(UnknownName) as told:
        registry[name]
    assert str(told.value) == said


def test_a_name_is_taken_once(registry):
    with pytest.raises(UserError, match="there are two tools named 'saw'"):
        registry.register("saw", None)


def test_the_books_are_registries():
    for book, name in ((estimators.registry, "tanh_slop"), (tasks.registry, "sign_fiting")):
        with pytest.raises(UnknownName, match="; did you mean '"):
            book[name]
    for name in EXCLUDED:
        with pytest.raises(UnknownName, match="it was left out, because"):
            estimators.registry[name]


def test_one_family_of_errors():
    """Whoever caught what the errors were before still catches them."""
    assert all(issubclass(kind, UserError) for kind in (UnknownName, Unsupported, RecordError, StoreError))
    assert issubclass(UserError, ValueError) and issubclass(StoreError, OSError) and issubclass(UnknownName, KeyError)
    assert str(StoreError("it is full.")) == "it is full." and str(UnknownName("it's not.")) == "it's not."
    assert did_you_mean("adm", ["adam", "sgd"]) == "; did you mean 'adam'?" and did_you_mean("x", ["adam"]) == "."


def test_every_public_name_is_there():
    assert set(dir(steeplechase)) == set(steeplechase.__all__)
    for name in steeplechase.__all__:
        assert getattr(steeplechase, name)
    assert steeplechase.surrogate is estimators.surrogate.surrogate
    with pytest.raises(AttributeError, match="has no attribute 'sweeep'"):
        steeplechase.sweeep  # noqa: B018
    assert (ROOT / "steeplechase" / "py.typed").exists()


def test_the_face_loads_nothing_before_it_is_asked():
    code = (
        "import sys, steeplechase; a = len(sys.modules.keys() & {'tensorflow', 'pandas', 'hydra', 'tasks', 'results'})"
    )
    code += "; steeplechase.load; sys.exit(a or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("estimators.base", "EstimatorError", UserError),
        ("estimators.base", "Declined", Unsupported),
        ("estimators.base", "LEFT_OUT", EXCLUDED),
        ("estimators.base", "book", estimators.registry),
        ("estimators.base", "surrogate", steeplechase.surrogate),
        ("estimators", "book", estimators.registry),
        ("tasks", "book", tasks.registry),
        ("tasks.base", "TaskError", UserError),
    ],
)
def test_an_old_name_answers_with_the_new_one(module, old, new):
    with pytest.warns(DeprecationWarning, match=f"{module}.{old} is .* now"):
        assert getattr(importlib.import_module(module), old) is new
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        importlib.import_module(module).Nothing  # noqa: B018


def test_a_method_that_was_renamed_answers_for_one_release():
    ours = estimators.registry["tanh_slope"]
    for old, new in (("settings", "example_parameters"), ("decline", "unsupported_reason")):
        with pytest.warns(DeprecationWarning, match=f"Surrogate.{old} is Surrogate.{new} now"):
            assert getattr(ours, old) == getattr(ours, new)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ours.nothing  # noqa: B018


def test_a_notebook_shows_the_sentence_alone():
    """No line of code on the way to a refusal is at fault; of any other error all is shown."""

    def shown(code):
        line = [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", code]
        done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT, encoding="utf-8")
        return (done.stdout + done.stderr).strip()

    raised = "from steeplechase.errors import UserError\ndef asked(): raise {}\nasked()"
    assert shown(raised.format("UserError('steps is 0.')")).splitlines() == ["UserError: steps is 0."]
    assert "Traceback" in shown(raised.format("KeyError('steps')"))
