"""The command line, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 60.0

PROGRAM = """
import asyncio, sys
from twisted.internet import reactor
from twisted.internet.task import deferLater
import triloop

async def main():
    await triloop.as_future(deferLater(reactor, 0, lambda: None))
    loop = asyncio.get_running_loop()
    print(type(loop).__module__, type(reactor).__name__, sys.argv[1:], __name__)
    sys.exit(7)

asyncio.run(main())
"""

HOSTS = {
    "": "asyncio.unix_events TornadoReactor",
    "--loop=uvloop": "uvloop TornadoReactor",
    "--reactor=poll": "triloop PollReactor",
}


def triloop(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "triloop", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=cwd,
    )


@pytest.mark.parametrize("option", HOSTS)
def test_program_runs_on_the_host_that_is_asked_for(option: str, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    options = [option] if option else []
    done = triloop("run", *options, script, "--loop", "a", cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == f"{HOSTS[option]} ['--loop', 'a'] __main__\n"
    assert done.returncode == 7


def test_module_runs_from_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = triloop("run", "-m", "program", cwd=tmp_path)
    assert (done.stderr, done.returncode) == ("", 7)


def test_program_that_runs_the_reactor_itself(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "from twisted.internet import reactor\n"
        "reactor.callLater(0, print, 'ran')\n"
        "reactor.callLater(0.01, reactor.stop)\n"
        "reactor.run()\n"
    )
    done = triloop("run", script, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("ran\n", "", 0)


def test_program_awaits_anything(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import asyncio\n"
        "from twisted.internet import reactor\n"
        "from twisted.internet.task import deferLater\n"
        "async def main():\n"
        "    print(await deferLater(reactor, 0, lambda: 'waited'))\n"
        "asyncio.run(main())\n"
    )
    done = triloop("run", "--await-anything", script, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("waited\n", "", 0)
    without = triloop("run", script, cwd=tmp_path)
    assert "triloop.await_anything()" in without.stderr
    assert without.returncode == 1


def test_unknown_reactor_is_named(tmp_path: Path) -> None:
    done = triloop("run", "--reactor", "no-such", "program.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "Twisted has no reactor 'no-such'" in done.stderr


def test_doctor_names_the_line_that_imported_a_reactor(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("import os\nfrom twisted.internet import reactor\n")
    done = triloop("doctor", "early", cwd=tmp_path)
    assert done.stderr == ""
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("! reactor")]
    assert f"{tmp_path}/early.py:2" in line
    assert "\x1b" not in done.stdout, "no colours in a pipe"


#: Programs, and what the doctor says of their reactor.
RIGHT = {
    "import triloop\ntriloop.install()\n": "triloop.TornadoReactor, installed by",
    "import triloop\ntriloop.TwistedIOLoop().install()\n": "EPollReactor, installed by",
    "import asyncio\nloop = asyncio.new_event_loop()\n": "none is installed so far",
}


@pytest.mark.parametrize("source", RIGHT)
def test_doctor_finds_nothing_wrong_with_right_programs(source: str, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(source)
    done = triloop("doctor", "right.py", cwd=tmp_path)
    assert RIGHT[source] in done.stdout
    assert (done.stderr, done.returncode) == ("", 0), done.stdout


WAKERS = {
    "import asyncio, signal\n"
    "async def main():\n"
    "    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)\n"
    "loop = asyncio.new_event_loop()\n"
    "loop.run_until_complete(main())\n": "SelectorEventLoop",
    "import signal, triloop\n"
    "reactor = triloop.install()\n"
    "signal.set_wakeup_fd(reactor.waker.writing_fileno())\n": "of triloop.TornadoReactor",
    "import signal\n"
    "from twisted.internet import reactor\n"
    "reactor.callWhenRunning(reactor.crash)\n"
    "reactor.run()\n"
    "signal.set_wakeup_fd(reactor.waker.o)\n": "EPollReactor",
    "import signal, socket\n"
    "ours, theirs = socket.socketpair()\n"
    "ours.setblocking(False)\n"
    "signal.set_wakeup_fd(ours.fileno())\n": "of no open loop and no reactor",
}


@pytest.mark.parametrize("source", WAKERS)
def test_doctor_names_the_owner_of_the_wakeup_descriptor(source: str, tmp_path: Path) -> None:
    script = tmp_path / "with a space.py"
    script.write_text(source)
    done = triloop("doctor", script, cwd=tmp_path)
    assert done.stderr == ""
    (line,) = [line for line in done.stdout.splitlines() if "wake-up descriptor" in line]
    assert WAKERS[source] in line
    assert line.startswith("!") == ("no open loop" in line)


def test_doctor_survives_a_closed_pipe_and_a_module_that_exits(tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text("import sys\nprint('hello')\nsys.exit(0)\n")
    command = f"{sys.executable} -m triloop doctor --json leaves | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("2\n", "hello\n")


COLORS = {"": True, "NO_COLOR=1": False}


@pytest.mark.parametrize("setting", COLORS)
@pytest.mark.parametrize("prevented", ["", "rich"])
def test_doctor_uses_colours_on_a_terminal(setting: str, prevented: str, tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("from twisted.internet import reactor\n")
    block = f"import sys; sys.modules[{prevented!r}] = None; sys.argv[0] = 'triloop'; "
    program = block + "from triloop.cli.command import main; sys.exit(main())"
    told, terminal = os.openpty()
    with subprocess.Popen(
        [
            "env",
            setting or "A=1",
            "TERM=xterm",
            "COLUMNS=40",
            sys.executable,
            "-c",
            program,
            "doctor",
            "early",
        ],
        cwd=tmp_path,
        stdout=terminal,
        stderr=subprocess.PIPE,
    ) as doctor:
        os.close(terminal)
        output = b""
        with contextlib.suppress(OSError):  # the terminal is closed when the doctor ends
            while chunk := os.read(told, 10000):
                output += chunk
        assert doctor.communicate(timeout=PATIENCE)[1] == b""
    os.close(told)
    assert doctor.returncode == 1
    assert b"! reactor" in output
    assert "\u2026".encode() not in output, "a narrow terminal cuts nothing off"
    assert (b"\x1b[33m" in output) == COLORS[setting]


def test_shell_completes_commands_and_options(tmp_path: Path) -> None:
    (tmp_path / "script").write_text(triloop("--print-completion", "bash", cwd=tmp_path).stdout)
    ask = (
        'source ./script; complete_with() { COMP_WORDS=(triloop $1 "$2"); '
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _shtab_triloop; echo ${COMPREPLY[@]}; }; "
        "complete_with '' do; complete_with run --aw; complete_with 'run --loop' uv"
    )
    done = subprocess.run(
        ["bash", "-c", ask], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["doctor", "--await-anything", "uvloop"]


def test_doctor_finds_errors_and_writes_json(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n1 / 0\n"
    )
    done = triloop("doctor", "--json", "broken", cwd=tmp_path)
    assert done.returncode == 2
    findings = {one["subject"]: one for one in json.loads(done.stdout)}
    assert findings["broken"]["severity"] == "error"
    assert findings["SIGCHLD"]["severity"] == "error"
    assert findings["poller"]["severity"] == "ok"


def test_bench_measures_all_servers(tmp_path: Path) -> None:
    done = triloop("bench", "--seconds", "0.1", "--json", cwd=tmp_path)
    assert done.stderr == ""
    figures = json.loads(done.stdout)
    assert len(figures) == 7
    assert all(figure > 0 for figure in figures.values())


def test_help_and_wrong_use(tmp_path: Path) -> None:
    assert "doctor" in triloop("--help", cwd=tmp_path).stdout
    assert triloop("--version", cwd=tmp_path).stdout.startswith("triloop ")
    assert "SCRIPT is needed".lower() in triloop("run", cwd=tmp_path).stderr
    wrong = triloop("cure", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "invalid choice: 'cure'" in wrong.stderr
