"""Command lines, made at random from a grammar of kinds: right ones, slips, and hostile ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields

from runners.configuration import choices, schema
from tests.fuzz import ground
from tests.fuzz.harness import HERE, Line

NUMBERS = (
    *("nan", "inf", "-inf", "-0", "0", "-1", "1e400", "-1e400", "1e-400", "5e-324", "1e308", "0.1", "1", "2", "3.5"),
    *("99999999999999999999999999", "2147483648", "-2147483649", "9223372036854775808", "1_000", "0x10", "1e", "٣"),
)
WORDS = (
    *("''", "null", "~", "true", "[]", "{}", "[[]]", "[1,[2,[3]]]", "{a:{b:[1]}}", "[null]", "['']", "{1:2}", "abc"),
    *(
        "'[red]x[/red]'",
        "'[/]'",
        "größe",
        "日本語",
        "\N{BOMB}",
        "a b",
        '"quoted"',
        "'it''s'",
        "\\",
        "'\\n'",
        "\n",
        "\t",
    ),
    *("${nowhere}", "${steps}", "${oc.env:HOME}", "${oc.env:NOWHERE}", "${", "${a:b", "${hydra:job.name}", "$HOME"),
    *("glob(*)", "glob([a*,s*])", "choice()", "choice(1,2)", "sort(3,1,2)", "shuffle(1,2)", "interval(0,1)"),
    *("tag(a,1)", "int(x)", "float(nan)", "str(1)", "json_str('{')", "extend_list(1)", "nowhere(1)", "a,b", "1,,2"),
    *("/dev/null", "/dev/zero", "..", ".", "a/b", "a=b", "@x", "+1", "%", "\ud800", "\udcff", "w" * 3000, "-x", "#"),
)
RANGES = (
    *("range(0)", "range(1,2,0)", "range(5,1)", "range(3)", "range(300000000)", "range(0,3e8)", "range(-3)"),
    *("range(nan)", "range(0,1,1e-12)", "range(1.5)", "range(a)", "range()", "range(1,2,3,4)", "range(0,inf)"),
    *("range(2147483646,2147483650)", "range(0,4,-1)", "choice(range(300000000))", "shuffle(range(0))"),
)
SCHEDULES = (
    "{from:0.1,to:10,shape:log}",
    "{from:1,to:0.1,shape:linear}",
    "{from:1,to:0,shape:cosine}",
    "{from:1,to:0,shape:log}",
    "{from:-1,to:1,shape:log}",
    "{from:nan,to:1,shape:linear}",
    "{from:1,to:inf,shape:linear}",
    "{from:1,shape:linear}",
    "{from:1,to:2,shape:cubic}",
    "{from:1,to:2,shape:[linear]}",
    "{from:1,to:2,shape:linear,more:1}",
    "{from:a,to:b,shape:linear}",
    "{from:[1],to:2,shape:linear}",
    "{shape:steps,values:[0.1,0.01],at:[0.5]}",
    "{shape:steps,values:[0.1],at:[0.5]}",
    "{shape:steps,values:[],at:[]}",
    "{shape:steps,values:[1,2],at:[1.5]}",
    "{shape:steps,values:[1,2],at:[nan]}",
    "{shape:steps,values:1,at:2}",
    "{shape:steps,values:[1,null],at:[0.5]}",
    "{shape:}",
    "{}",
    "{a:b}",
    "[{from:0.1,to:1,shape:log},{from:0.1,to:1,shape:log}]",
    "'{from:0.1,to:10,shape:log}'",
    "'{from: 0.1'",
)
HYDRA = (
    *("hydra/launcher", "hydra/sweeper", "hydra/job_logging", "hydra/hydra_logging", "hydra/help", "hydra/env"),
    *("hydra.verbose", "hydra.mode", "hydra.launcher", "hydra.launcher.n_jobs", "hydra.launcher.backend"),
    *("hydra.launcher.verbose", "hydra.launcher.batch_size", "hydra.launcher.nowhere", "hydra.sweeper"),
    *("hydra.launcher.partition", "hydra.launcher.setup", "hydra.launcher.additional_parameters"),
    *("hydra.sweeper.params", "hydra.sweeper.params.seed", "hydra.sweeper.params.estimator", "hydra.sweeper.nowhere"),
    *("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir", "hydra.searchpath"),
    *("hydra.job.chdir", "hydra.job.name", "hydra.job.config_name", "hydra.job.env_copy", "hydra.job.env_set"),
    *("hydra.job.env_set.PYTHONPATH", "hydra.job.config.override_dirname.kv_sep", "hydra.callbacks", "hydra.help"),
    *("hydra.help.app_name", "hydra.help.template", "hydra.hydra_help.template", "hydra.overrides.task", "hydra"),
    *("hydra.runtime.cwd", "hydra.runtime.choices.task", "hydra.nowhere", "hydra/nowhere", "hydra._x", "hydra.job._y"),
    *("hydra.job_logging.root.level", "hydra.job_logging", "hydra.hydra_logging.version", "hydra.hydra_logging"),
)
HYDRA_VALUES = ("joblib", "basic", "replicas", "[joblib]", "[]", "none", "disabled", "2", "loky", "DEBUG", "RUN")
HYDRA_VALUES += ("MULTIRUN", "../outside", "pkg://canary", "[pkg://canary]", "file://hostile", "[file://hostile]")
FLAGS = (
    *("--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--package", "-p", "--resolve", "-m"),
    *("--multirun", "--run", "-r", "--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "-sc"),
    *("--shell-completion", "--experimental-rerun", "--nowhere", "-x", "--", "-", "--cfg=nowhere", "--mutlirun"),
)
FLAG_VALUES = ("job", "hydra", "all", "nowhere", "searchpath", "defaults", "plugins", "config", "install=bash")
FLAG_VALUES += ("query=bash", "hostile", "places/file", "", "task", "/dev/null", "w" * 300)
STORES = (
    *("results", "fresh", "places/file", "places/fifo", "places/loop", "places/out", "places/sealed", "keep.txt"),
    *(
        "/dev/null",
        "/dev/zero",
        "/proc/none",
        "a/lr=0.1",
        "größe x",
        "''",
        ".",
        "..",
        "~",
        "~/x",
        "null",
        "[a]",
        "{a:b}",
    ),
    *("1", "true", "a:b", "'a=b'", "'[red]'", "w" * 300, "d/" * 1500, "${oc.env:HOME}", "a\nb", "data/fine.npz"),
)
SLIPS = {
    "misleading": (
        ("store=a/lr=0.1",),
        ("store=größe x",),
        ("task=x", "-m", "seed=0,1"),
        ("optimizer.lr=0.1",),
        ("optimizer.lr", "0.1"),
        ("lr=0.1",),
        ("task=binarized_mlp", "task.data=data/table.csv"),
        ("task=binarized_mlp", "task.data=data/keys.npz", "task.hidden=[0]"),
        ("task=binarized_mlp", "task.data=data/keys.npz"),
        ("task=binarized_mlp", "task.hidden=[0]"),
        ("experiment=null", "estimator=ste,zero", "task=sign_fitting", "steps=10"),
        ("steps=abc",),
        ("seed",),
        ("seed=",),
        ("=1",),
        ("seed==1",),
        ("seed:1",),
        ("seed", "=", "1"),
        ("sweep",),
        ("estimator=ste", "estimator.scale=2"),
        ("task=sign_fitting,sign_fitting",),
        ("estimator=ste,tanh_slope", "estimator.scale=1,2"),
        ("estimator@estimator_weights=ste", "estimator_weights.scale=1"),
        ("estimator_weights.scale=1",),
        ("estimator_weights=ste",),
        ("plan=1",),
        ("plan=yes",),
        ("plan=",),
    ),
    "numbers": (
        ("optimizer=sgd", "optimizer.clipvalue=nan"),
        ("task=sign_fitting", "task.start=inf"),
        ("optimizer=adamw", "optimizer.weight_decay=inf"),
        ("margins.sign_fitting=nan",),
        ("looks.ste.order=nan",),
        ("checkpoint=nan",),
        ("checkpoint=inf",),
    ),
    "names": (
        ("estimator.name=1",),
        ("optimizer.name=[]",),
        ("task.name={}",),
        ("estimator.name=null",),
        ("optimizer.keras=[]",),
        ("optimizer.keras=1",),
        ("task.name=" + "n" * 3000,),
        ("estimator=" + "n" * 3000,),
        ("estimator.name=ste",),
        ("experiment=" + "n" * 300,),
    ),
    "lengths": (
        ("task=range(0)",),
        ("gradient_flow=range(1,2,0)",),
        ("seed=range(300000000)",),
        ("estimator=range(2)",),
    ),
}
TERMINALS = (
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"COLUMNS": "1"},
    {"COLUMNS": "0"},
    {"COLUMNS": "x"},
    {"TERM": "dumb", "NO_COLOR": "1"},
    {"HOME": "/nowhere"},
    {"STEEPLECHASE_ESTIMATORS": "[1"},
    {"STEEPLECHASE_ESTIMATORS": '["pages/canary_import.py"]'},
    {"STEEPLECHASE_SWEEP": "x"},
    {"XLA_FLAGS": "--nowhere=1"},
    {"PYTHONWARNINGS": "error"},
)
SMALL = ("experiment=null", "task=sign_fitting", "optimizer=sgd")


class Grammar:
    """Makes lines from a seed, each kind in turn, so that as many lines as there are kinds have every one."""

    def __init__(self, seed: int):
        self.draw = random.Random(seed)
        self.schema = [field.name for field in fields(schema.Sweep)]
        self.pages = {
            group: {o: choices.defaults_of(group, o) for o in choices.options(group)} for group in schema.GROUPS[:3]
        }
        self.options = {group: choices.options(group) for group in schema.GROUPS}
        self.kinds = {name.removeprefix("make_"): getattr(self, name) for name in dir(self) if name[:5] == "make_"}

    def lines(self, count: int) -> Iterator[Line]:
        """That many."""
        turn: list[str] = []
        rounds = 0
        for _ in range(count):
            if not turn:
                turn = [name for name in self.kinds for _ in range(3 if name in _OFTEN else 1)]
                turn = [name for name in turn if name not in _RARE or rounds % 6 == 0]
                self.draw.shuffle(turn)
                rounds += 1
            name = turn.pop()
            line = self.kinds[name]()
            yield Line(**{**vars(line), "kind": name})

    # Parts

    def pick(self, *pools):
        return self.draw.choice(self.draw.choice(pools))

    def value(self) -> str:
        """Any value at all."""
        return self.pick(NUMBERS, WORDS, WORDS, RANGES, SCHEDULES)

    def qualified(self) -> tuple[list[str], str]:
        """A choice of a page, and one of its keys."""
        group = self.draw.choice([*self.pages, "estimator_weights"])
        pool = "estimator" if group == "estimator_weights" else group
        name = self.draw.choice(self.options[pool])
        key = self.draw.choice([*self.pages[pool][name], "name"])
        choice = f"{'estimator@' if group != pool else ''}{group}={name}"
        return [*(SMALL if self.draw.random() < 0.8 else ()), choice], f"{group}.{key}"

    def sweep(self, *arguments: str, **more) -> Line:
        """A sweep that plans, with `plan=true` somewhere, unless these arguments say something else of it."""
        line = list(dict.fromkeys(arguments)) if self.draw.random() < 0.9 else list(arguments)
        plain = not any(a.startswith("plan=") for a in line)
        own = [a for a in SMALL if plain and not any(b.split("=")[0] == a.split("=")[0] for b in line)]
        if own and self.draw.random() < 0.95:
            line = [*own, *line]
        if not any(a.startswith(("steps=", "task.steps=")) for a in line) and self.draw.random() < 0.3:
            line.append("steps=10")
        if plain:
            line.insert(self.draw.choice([0, len(line)]), "plan=true")
        return Line("runners.sweep", line, **({"allowed": ("results", "fresh")} if not plain else {}) | more)

    # Kinds

    def make_right(self) -> Line:
        """A line that means something."""
        line = []
        if self.draw.random() < 0.85:
            line = ["experiment=null", f"task={self.draw.choice(self.options['task'])}"]
            line.append(f"optimizer={self.draw.choice(self.options['optimizer'])}")
            line.append(f"estimator={','.join(self.draw.sample(self.options['estimator'], self.draw.choice([1, 2])))}")
        else:
            light = [name for name in self.options["experiment"] if name != "surrogates"]
            line = [f"experiment={self.draw.choice(light)}"]
        more = [
            "steps=100",
            "record_points=5",
            "seed=range(4)",
            "optimizer.learning_rate=0.1,0.01",
            "gradient_flow=true",
            "block=3",
        ]
        more += ["precision=float64", "function=step", "normalize=peak", "function.at_zero=0", "at_zero=0"]
        more += ["function@function_weights=step", "function_weights.at_zero=-1"]
        more += [
            "hydra/launcher=joblib",
            "parallel_blocks=2",
            "margins={sign_fitting:0.5}",
            "margins.sign_fitting=0.5",
            "looks.ste={colour:red,marker:x,order:1}",
            "looks={ste:{label:'a b'}}",
            "reference=ste",
            "strict=true",
        ]
        more += ["tables=[summary]", "figures=[]"]
        return self.sweep(*line, *self.draw.sample(more, self.draw.randrange(4)))

    def make_number(self) -> Line:
        before, key = self.qualified() if self.draw.random() < 0.7 else ([], self.draw.choice(self.schema))
        return self.sweep(*before, f"{key}={self.draw.choice(NUMBERS)}")

    def make_known_number(self) -> Line:
        return self.sweep(*self.draw.choice(SLIPS["numbers"]))

    def make_key(self) -> Line:
        return self.sweep(f"{self.draw.choice([k for k in self.schema if k != 'store'])}={self.value()}")

    def make_page_key(self) -> Line:
        before, key = self.qualified()
        return self.sweep(*before, f"{key}={self.value()}")

    def make_choice(self) -> Line:
        group = self.draw.choice([*schema.GROUPS, "estimator@estimator_weights", "estimator@x", "task@estimator"])
        return self.sweep(f"{group}={self.pick(WORDS, RANGES, NUMBERS, self.options[group.split('@')[0]])}")

    def make_name(self) -> Line:
        return self.sweep(*self.draw.choice(SLIPS["names"]))

    def make_range(self) -> Line:
        if self.draw.random() < 0.3:
            return self.sweep(*self.draw.choice(SLIPS["lengths"]))
        before, key = self.qualified()
        key = self.draw.choice([key, "seed", "task", "gradient_flow", "optimizer.learning_rate", "estimator"])
        return self.sweep(*(before if "." in key else ()), f"{key}={self.draw.choice(RANGES)}")

    def make_schedule(self) -> Line:
        before, key = self.qualified()
        key = self.draw.choice([key, "optimizer.learning_rate", "seed"])
        return self.sweep(*(before if "." in key else ()), f"{key}={self.draw.choice(SCHEDULES)}")

    def make_hydra(self) -> Line:
        sign = self.draw.choice(["", "", "", "+", "++", "~"])
        return self.sweep(f"{sign}{self.draw.choice(HYDRA)}={self.pick(HYDRA_VALUES, WORDS, NUMBERS)}")

    def make_target(self) -> Line:
        """Code under hydra, on the command line."""
        place = self.draw.choice(ground.PLACES)
        target, more = self.draw.choice(ground.TARGETS)
        sign = self.draw.choice(["+", "++", ""])
        line = [f"{sign}hydra.{place}={target}"]
        if place.endswith("_target_"):
            line += [f"{sign}hydra.{place[:-8]}{key}={_written(value)}" for key, value in more.items()]
        return self.sweep(*line)

    def make_hostile(self) -> Line:
        """Code under hydra, in a folder of configurations."""
        name = self.draw.choice([*ground.HOSTILE, "latin", "fifo", "nowhere"])
        own, known = f"{HERE}/mine{self.draw.randrange(ground.MINE)}", self.draw.choice(self.options["experiment"])
        options, overrides = self.draw.choice(
            [
                (("-cp", own), (f"experiment={known}",)),
                (("--config-path", own), (f"experiment={known}",)),
                ((f"--config-path={own}",), (f"experiment={known}",)),
                ((f"-cp={own}", "-cn=config"), (f"experiment={known}",)),
                ((), (f"hydra.searchpath=[file://{own}]", f"experiment={known}")),
                (("--config-dir", "hostile"), (f"experiment={name}",)),
                (("-cd", "hostile"), (f"+experiment@_global_={name}",)),
                ((), ("hydra.searchpath=[file://hostile]", f"experiment={name}")),
                (("-cp", f"{HERE}/hostile", "-cn", "config"), ()),
                (("-cp", f"{HERE}/hostile/experiment", "-cn", name), ()),
                (("-cd", "hostile", "-cn", f"experiment/{name}"), ()),
                (("-cd", own), ("estimator=ste",)),
                (("-cn", name), ()),
            ]
        )
        line = self.sweep(*overrides)
        both = [[*options, *line.arguments], [*line.arguments, *options], [*line.arguments[:1], *options]]
        return Line(line.command, self.draw.choice(both[:2] if self.draw.random() < 0.9 else both))

    def make_flag(self) -> Line:
        flag, more = self.draw.choice(FLAGS), []
        if self.draw.random() < 0.6:
            more = [self.draw.choice(FLAG_VALUES)]
        before = ["seed=0,1"] * (self.draw.random() < 0.3)
        line = self.sweep(*before, flag, *more)  # a flag could take the word after it for its value
        return Line(line.command, ["plan=true", *(word for word in line.arguments if word != "plan=true")])

    def make_form(self) -> Line:
        """Overrides of every form, to keys that are there, misspelt or not."""
        key = self.draw.choice([*self.schema, *schema.GROUPS, "optimizer.learning_rate", "estimator.scale"])
        if self.draw.random() < 0.4:
            at = self.draw.randrange(len(key))
            odd = self.draw.choice("aé._@[/ ")
            key = self.draw.choice([key[:at] + key[at + 1 :], key[:at] + odd + key[at:], key.upper()])
        sign, value = self.draw.choice(["", "+", "++", "~", "-", "@"]), self.pick(WORDS, NUMBERS)
        forms = (f"{sign}{key}={value}", f"{sign}{key}", f"{key} = {value}", f"{key}=={value}", f"{key}:={value}")
        forms += (f"{key}@x={value}", f"{key}@_global_={value}", f"{key}[0]={value}", f"{key}.0={value}", f"'{key}'=1")
        line = [self.draw.choice(forms)]
        return self.sweep(*line, *(line if self.draw.random() < 0.2 else ()))

    def make_store(self) -> Line:
        return self.sweep(f"store={self.draw.choice(STORES)}")

    def make_data(self) -> Line:
        line = ["task=binarized_mlp", f"task.data={self.path('data', ground.DATA)}"]
        if self.draw.random() < 0.5:
            line.append(f"task.labels={self.path('data', ground.DATA)}")
        return self.sweep(*line, *(["task.hidden=[8]"] if self.draw.random() < 0.5 else []))

    def path(self, folder: str, names) -> str:
        name = self.draw.choice(names)
        return self.draw.choice([f"{folder}/{name}", f"{folder}/{name}", f"'{folder}/{name}'", f"./{folder}/{name}"])

    def make_page(self) -> Line:
        """An estimator of one's own."""
        names = [self.path("pages", ground.FILES) for _ in range(self.draw.choice([1, 1, 1, 2]))]
        line = [f"estimator.file={','.join(names)}"]
        if self.draw.random() < 0.3:
            line.append(
                self.draw.choice(["estimator=mine", "estimator.width=2", "estimator=mine,ste", "estimator.file="])
            )
        return self.sweep(*line)

    def make_list(self) -> Line:
        key = self.draw.choice(["figures", "tables"])
        names = ["convergence", "summary", "verdicts", "tuning", "..", "__init__", "os", "[red]", "1", "null", "''"]
        chosen = self.draw.sample(names, self.draw.randrange(4))
        return self.sweep(
            f"{key}=[{','.join(chosen)}]", self.draw.choice(["margins={a:1}", "reference=x", "record_points=5"])
        )

    def make_slip(self) -> Line:
        return self.sweep(*self.draw.choice(SLIPS["misleading"]))

    def make_terminal(self) -> Line:
        environment = self.draw.choice(TERMINALS)
        line = self.draw.choice([self.make_right, self.make_figures, self.make_slip, self.make_choice])()
        cold = self.draw.random() < 0.05
        return Line(**{**vars(line), "environment": environment, "cold": cold})

    def make_pipe(self) -> Line:
        """Output that nobody reads, as with `| head`."""
        flags = [("--help",), ("--cfg", "job"), ("--info", "searchpath"), ("plan=true",), ("stpes=1",)]
        command = self.draw.choice(["sweep", "sweep", "figures", "report", "trace", "contract", "claims", "gallery"])
        words = ("--help",) if command != "sweep" else self.draw.choice(flags)
        if "--help" not in words and "--cfg" not in words and "--info" not in words:
            return Line(**{**vars(self.sweep(*SMALL, *words)), "closed": True})
        return Line(f"runners.{command}", [*words, *(["plan=true"] * (command == "sweep"))], closed=True)

    def make_own_modules(self) -> Line:
        """A user's own modules, of the names that the project's have, in the current folder."""
        folder = self.draw.choice(["own_tasks", "own_results", "own_estimators"])
        return Line("runners.sweep", [*SMALL, "plan=true"], folder=folder, cold=True)

    def make_started(self) -> Line:
        """A sweep that is to train. Most of these are refused; what is not, is cut where training would start."""
        line = self.draw.choice([self.make_slip, self.make_number, self.make_store, self.make_range, self.make_data])()
        own = [a for a in line.arguments if a != "plan=true" and not a.startswith("store=")]
        return Line(line.command, [*own, "store=fresh"], allowed=("fresh", "results"))

    def make_mutated(self) -> Line:
        """A right line with a slip of the hand."""
        line = self.make_right()
        words = list(line.arguments)
        for _ in range(self.draw.choice([1, 1, 2, 4])):
            at = self.draw.choice([i for i, word in enumerate(words) if word != "plan=true"] or [0])
            word = words[at]
            i = self.draw.randrange(len(word) + 1)
            odd = self.draw.choice("=,.:[]{}()'\"$~+-@#%&*!?\\/ \né0")
            words[at] = self.draw.choice([word[:i] + word[i + 1 :], word[:i] + odd + word[i:], word[:i], word[i:]])
            words[at] = "x" if words[at].startswith("store") else words[at]
        return Line("runners.sweep", words)

    def make_figures(self) -> Line:
        names = self.draw.choice(
            [(), ("convergence",), ("nowhere",), ("..",), ("../plans",), ("",), ("[red]",), ("/",)]
        )
        options = [(), ("--stale",), ("--columns", "1"), ("--columns", "3"), ("--columns", "x"), ("--columns",)]
        options += [("--verify",), ("--verify", "--frozen", "nowhere"), ("--freeze",), ("--freeze", "--verify")]
        options += [("--store", store) for store in STORES[:12]] + [("--nowhere",), ("--help",), ("--store",)]
        options += [("--freeze", "--columns", "1"), ("--verify", "--frozen", "data"), ("estimator.file=pages/two.py",)]
        options += [("estimator.file=pages/fifo.py",), ("plan=true",), ("store=results",), ("-x",), ("--frozen",)]
        line = [*names, *self.draw.choice(options)]
        if "--verify" in line and "--frozen" not in line:
            line += ["--frozen", "nowhere"]
        return Line("runners.figures", line)

    def make_report(self) -> Line:
        names = self.draw.choice([(), ("convergence",), ("nowhere",), ("",), ("[red]",)])
        options = [(), ("--stale",), ("--frozen", "nowhere"), ("--frozen", "places/file"), ("--frozen", "data")]
        options += [
            ("--output", "/dev/null"),
            ("--output", "places/sealed"),
            ("--output",),
            ("--nowhere",),
            ("--help",),
        ]
        options += [("--store", store) for store in STORES[:12]] + [("estimator.file=pages/syntax.py",), ("--out", "x")]
        return Line("runners.report", [*names, *self.draw.choice(options)])

    def make_trace(self) -> Line:
        chain = [f"operations={self.draw.choice(('square,sign', 'sign', 'step', 'squar', '', '[sign]', 'product'))}"]
        chain += [f"x={self.draw.choice(('2', '2,3', '', 'nan', 'a', '[1]', '1e400'))}"] * (self.draw.random() < 0.8)
        chain += [f"target={self.draw.choice(NUMBERS)}"] * (self.draw.random() < 0.4)
        before, key = self.qualified()
        task = [*before[len(before) - 1 :], f"{key}={self.value()}"]
        one = ["steps=abc", "seed=0,1", "device=gpu", "x=2", "stpes=1", "x", "hydra.verbose=true", "experiment=smoke"]
        one += ["hydra/launcher=joblib", "+hydra.callbacks.x._target_=canary.call", "estimator.file=pages/two.py"]
        one += ["task.file=pages/two.py", "task.file=pages/mine.py", "task.file=", "task.file=nowhere.py"]
        one += ["estimator.file=pages/fifo.py", "--nowhere", "--help", "--eager", "seed=range(300000000)", "store=x"]
        words = self.draw.choice([chain, task, [*chain, *task[1:]], [], ["task=sign_fitting"]])
        words = words + self.draw.sample(one, self.draw.choice([0, 0, 1, 2]))
        return Line("runners.trace", [*words, *(["--compiled"] if self.draw.random() < 0.2 else [])])

    def make_contract(self) -> Line:
        pages = [f"pages/{name}" for name in ground.FILES] + ["ste", "stee", "", "estimator.file=", "[red]", "w" * 3000]
        pages += [
            "--nowhere",
            "--help",
            "a,b",
            "..",
            "/dev/null",
            "estimator.file=pages/mine.py",
            "task.file=pages/mine.py",
            "mine",
            "pages",
        ]
        return Line("runners.contract", self.draw.sample(pages, self.draw.choice([1, 1, 2])))

    def make_claims(self) -> Line:
        files = [
            "data/table.csv",
            "nowhere",
            "places/fifo",
            "places",
            "data/empty",
            "pages/latin.py",
            "hostile/config.yaml",
        ]
        files += ["hostile/experiment/odd_list.yaml", "hostile/experiment/odd_tag.yaml", "data/loop"]
        files += [
            "hostile/experiment/odd_syntax.yaml",
            "hostile/experiment/odd_key.yaml",
            "hostile/experiment/latin.yaml",
        ]
        options = [("--claims", self.draw.choice(files)), ("--pages", self.draw.choice(files)), ("--nowhere",), ("x",)]
        options += [("--frozen", self.draw.choice(files)), ("--help",), ("--claims",)]
        words = list(self.draw.choice(options))
        if "--pages" in words or self.draw.random() < 0.3:
            words += ["--claims", "data/empty"]  # without this, minutes of evaluating for a page that is none
        return Line("runners.claims", words)

    def make_gallery(self) -> Line:
        words = [("ste",), ("stee",), ("--check",), ("--folder", "places/file"), ("--nowhere",), ("--help",), ("",)]
        words += [("estimator.file=pages/two.py",), ("estimator.file=pages/fifo.py",), ("[red]",), ("--folder",)]
        return Line("runners.gallery", self.draw.choice(words))


_RARE = ("own_modules",)  # each takes seconds, in an interpreter of its own
_OFTEN = ("number", "qualified", "key", "hydra", "target", "hostile", "form", "mutated", "choice")


def _written(value) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_written(own)}" for key, own in value.items()) + "}"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
