"""`triloop run` beside `python`: the same program, and the same output, errors and exit code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

PATIENCE = 60.0

FILES = {
    "shows.py": "import os, sys\n"
    "print(sys.argv, sys.path[0], __file__, __name__, __spec__ and __spec__.name, __package__)\n",
    "raises.py": "def f():\n    1 / 0\n\nf()\n",
    "broken.py": "x = (\n",
    "pipe.py": "raise BrokenPipeError('of the program')\n",
    "words.py": "import sys\nsys.exit('the end')\n",
    "killed.py": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n",
    "lacks.py": "import no_such_module\n",
    "package/__init__.py": "",
    "package/__main__.py": "from . import other\nimport sys\n"
    "print(sys.argv, __spec__.name, __package__)\n",
    "package/other.py": "print(__name__)\n",
    "folder/__main__.py": "import sys, helper\nprint(sys.argv, sys.path[0], __spec__.name)\n",
    "folder/helper.py": "",
    "spawns.py": "import multiprocessing\n\n"
    "def double(number):\n    return 2 * number\n\n"
    "if __name__ == '__main__':\n"
    "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
    "        print(pool.map(double, [1, 2]))\n",
    "outlives.py": "import pickle, threading, time\n\nclass Mine:\n    pass\n\n"
    "def later():\n    threading.main_thread().join()\n    print(len(pickle.dumps(Mine())) > 0)\n\n"
    "threading.Thread(target=later).start()\n",
    "hooked.py": "import sys\nsys.excepthook = lambda kind, *rest: print('hooked', kind.__name__)\n"
    "raise KeyError\n",
    "installs.py": "import triloop\nreactor = triloop.install()\n"
    "reactor.callLater(0, print, 'ran')\nreactor.callLater(0.01, reactor.stop)\nreactor.run()\n",
    "installs_natively.py": "import importlib, sys\n"
    "importlib.import_module(f'twisted.internet.{sys.argv[1]}reactor').install()\n"
    "from twisted.internet import reactor\nreactor.callLater(0, reactor.stop)\nreactor.run()\n"
    "print(type(reactor).__name__)\n",
    "tornado_on_it.py": "import triloop\nloop = triloop.TwistedIOLoop()\nloop.install()\n"
    "for number in range(2):\n    loop.call_later(0, loop.stop)\n    loop.start()\n"
    "    print('ran')\n",
    "loop_of_its_own.py": "import asyncio\nfrom twisted.internet import asyncioreactor\n"
    "loop = asyncio.new_event_loop()\nasyncioreactor.install(loop)\n"
    "from twisted.internet import reactor\n"
    "loop.call_later(0.01, lambda: (print('in that loop'), reactor.stop()))\nreactor.run()\n",
    "given.py": "import asyncio, triloop\nloop = asyncio.new_event_loop()\n"
    "reactor = triloop.install(loop)\n"
    "loop.call_later(0.01, lambda: (print('in that loop'), reactor.stop()))\nreactor.run()\n",
}
COMMANDS = [
    ("shows.py", "a", "--", "-h", "--loop", "x"),
    ("shows.py", "--"),
    ("-m", "shows", "-h"),
    ("link.py",),
    ("raises.py",),
    ("broken.py",),
    ("pipe.py",),
    ("words.py",),
    ("killed.py",),
    ("lacks.py",),
    ("hooked.py",),
    ("-m", "package", "a"),
    ("folder", "a"),
    ("archive.zip", "a"),
    ("-", "a"),
    ("spawns.py",),
    ("outlives.py",),
    ("installs.py",),
    ("tornado_on_it.py",),
    ("loop_of_its_own.py",),
    ("given.py",),
]
#: These are not found, which `python` says in its own name.
MISSING = [("none.py",), ("-m", "none"), ("-m", "package.none"), ("-m", "none.at_all")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("programs")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    with zipfile.ZipFile(root / "archive.zip", "w") as archive:
        for name in ("__main__.py", "helper.py"):
            archive.write(root / "folder" / name, name)
    (root / "elsewhere").mkdir()
    (root / "elsewhere" / "real.py").write_text(FILES["shows.py"])
    (root / "link.py").symlink_to("elsewhere/real.py")
    return root


def run(start: Sequence[str], program: Sequence[str], folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *start, *program],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=folder,
        input="import sys\ndef f(x: 1 + 1): pass\n"
        "print(sys.argv, __name__, f.__annotations__)\n1 / 0\n",
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("program", COMMANDS, ids=" ".join)
def test_program_runs_as_by_python(program: Sequence[str], folder: Path) -> None:
    assert run(["-m", "triloop", "run"], program, folder) == run([], program, folder)


@pytest.mark.parametrize("program", MISSING, ids=" ".join)
def test_missing_program_is_named(program: Sequence[str], folder: Path) -> None:
    code, output, errors = run(["-m", "triloop", "run"], program, folder)
    assert (code, output) == run([], program, folder)[:2]
    assert errors.startswith("triloop: ")
    assert "none" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("reactor", ["epoll", "select"])
def test_program_installs_the_reactor_that_is_named(reactor: str, folder: Path) -> None:
    program = ["installs_natively.py", reactor]
    assert run(["-m", "triloop", "run", f"--reactor={reactor}"], program, folder) == run(
        [], program, folder
    )


def test_reactor_of_another_kind_is_refused_with_the_fix(folder: Path) -> None:
    (folder / "select.txt").write_text(
        "from twisted.internet import selectreactor\nselectreactor.install()\n"
    )
    code, _, errors = run(["-m", "triloop", "run"], ["select.txt"], folder)
    assert code == 1
    assert "name the program's reactor by --reactor" in errors
