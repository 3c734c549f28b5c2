"""Many commands in one process: each with what it printed, its exit code and what code it reached, as JSON.

Reads from standard input a list of {"arguments": [...], "module": "runners.sweep", "conf": FOLDER or ""}; writes a list
of {"code", "out", "err", "reached"}. Started as `python -m tests.oracles.commands [FOLDER to import from]`.
"""

import contextlib
import importlib
import io
import json
import sys
import traceback
from pathlib import Path

REACHED = []
# What ten importable callables do, by the name that Python's own audit gives it.
EVENTS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pickle.find_class", "cpython.run_file")


def watch(event, arguments):
    """Notes what nobody may do for a configuration, and each import of the canary."""
    if event in EVENTS or (event == "import" and arguments[0].split(".")[0] == "canary"):
        REACHED.append(f"{event} {arguments[0]}")


def answer(module, arguments, conf):
    """One command, as if it had been typed."""
    from runners.configuration import schema

    REACHED.clear()
    command, out, err = importlib.import_module(module), io.StringIO(), io.StringIO()
    shipped, schema.CONF = schema.CONF, Path(conf) if conf else schema.CONF
    code, sys.argv = 0, [module, *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            (command.cli if hasattr(command, "cli") else lambda: sys.exit(command.main(arguments)))()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        code = -1
        err.write(traceback.format_exc())
    finally:
        schema.CONF = shipped
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "reached": [*REACHED]}


if __name__ == "__main__":
    sys.path[1:1] = sys.argv[1:]
    cases = json.load(sys.stdin)
    sys.addaudithook(watch)
    answers = [answer(case.get("module", "runners.sweep"), case["arguments"], case.get("conf", "")) for case in cases]
    json.dump(answers, sys.stdout)
