"""The tests on every Python found, with the oldest and the newest dependencies: `make test-all`.

A lane is one Python with one set of dependencies. Lanes run one after the other, whatever became of
the ones before, and a table of all comes last. Each keeps its log and its JUnit file in
`.nox/lanes`. `nox --session tests summary -- PATH` runs the tests of PATH only, in every lane.

`make canary` installs pre-releases instead, and runs the tests that notice a change first.
"""

import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import nox
from packaging.requirements import Requirement

# An old Twisted needs TLS libraries of its own age: it does not know newer ones.
OLDEST_TLS = ["pyopenssl==24.3.0", "service-identity==24.2.0"]

SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
#: Tried by the canary only.
UPCOMING = ("3.16",)

HERE = Path(__file__).parent
LANES = HERE / ".nox/lanes"
STARTED = time.time()

nox.options.sessions = ["tests", "summary"]


def add_interpreters_to_path() -> None:
    """Puts pyenv's interpreters first, whose shims answer only for one version, and `.pythons`."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    bins = [str(path) for path in sorted(versions.glob("3.*/bin"))]
    own = str(HERE / ".pythons/bin")
    os.environ["PATH"] = os.pathsep.join([*bins, own, os.environ["PATH"]])


def oldest(requirements: list[str], python: str) -> list[str]:
    """The lower bounds that pyproject.toml states for a version of Python, as exact pins."""
    parsed = [Requirement(text) for text in requirements]
    wanted = [
        one for one in parsed if not one.marker or one.marker.evaluate({"python_version": python})
    ]
    return [f"{one.name}=={next(iter(one.specifier)).version}" for one in wanted]


def found(versions: tuple[str, ...]) -> list[str]:
    """Those of the versions that this machine has."""
    return [version for version in versions if shutil.which(f"python{version}")]


add_interpreters_to_path()
DEPENDENCIES: list[str] = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]


class Lane:
    """The files of one lane, and what they tell of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log = LANES / f"{name}.log"
        self.junit = LANES / f"{name}.xml"

    def begin(self) -> None:
        """Remove what an earlier run has left."""
        LANES.mkdir(parents=True, exist_ok=True)
        self.junit.unlink(missing_ok=True)
        self.log.write_text("")

    def run(self, session: nox.Session, *command: str) -> None:
        """Run a command of the lane; what it says goes into the log, and here if it fails."""
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            try:
                session.run(*command, stdout=log, stderr=subprocess.STDOUT)
            except nox.command.CommandFailed:
                session.log("\n".join(self.log.read_text().splitlines()[-40:]))
                raise

    @property
    def was_run(self) -> bool:
        """Whether this run of nox came to the lane."""
        return self.log.exists() and self.log.stat().st_mtime >= STARTED

    def row(self) -> str:
        """The line of the table: passed, failed, skipped and minutes; or why there are no tests."""
        if not self.was_run:
            return f"{self.name:14}  not run"
        if not self.junit.exists():
            return f"{self.name:14}  NOT TESTED: {self._problem()}"
        (suite,) = ET.parse(self.junit).getroot().iter("testsuite")
        total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
        failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
        minutes = float(suite.attrib["time"]) / 60
        passed = total - skipped - failed
        return f"{self.name:14}  {passed:6}  {failed:6}  {skipped:7}  {minutes:7.1f}"

    def upstream(self) -> list[str]:
        """What the upstream suites have counted: ours beside the native loop."""
        if not self.was_run:
            return []
        return [line for line in self.log.read_text().splitlines() if "; native: " in line]

    def _problem(self) -> str:
        """What pip or pytest has said last of an error: for one, which package has no wheel."""
        lines = self.log.read_text().splitlines() or ["no log"]
        errors = [line for line in lines if line.lower().startswith(("error", "e  "))]
        return (errors or lines)[-1]


@nox.session(python=found(SUPPORTED))
@nox.parametrize("dependencies", ["oldest", "newest"])
def tests(session: nox.Session, dependencies: str) -> None:
    lane = Lane(f"{session.python}-{dependencies}")
    lane.begin()
    pins = (
        [*oldest(DEPENDENCIES, str(session.python)), *OLDEST_TLS]
        if dependencies == "oldest"
        else []
    )
    pip = ("python", "-m", "pip")
    lane.run(session, *pip, "install", "--disable-pip-version-check", "--quiet", ".[test]", *pins)
    lane.run(session, *pip, "list", "--format=freeze")
    lane.run(session, "python", "-m", "pytest", f"--junitxml={lane.junit}", *session.posargs)
    session.log(lane.row())


@nox.session(python=False)
def summary(session: nox.Session) -> None:
    """One line for each lane of this run, and for each Python that is missing.

    Before that, what the upstream suites have counted.
    """
    present = found(SUPPORTED)
    lanes = [Lane(f"{version}-{kind}") for version in present for kind in ("oldest", "newest")]
    for lane in lanes:
        for line in lane.upstream():
            session.log(f"{lane.name}: {line}")
    session.log(f"{'lane':14}  passed  failed  skipped  minutes")
    for lane in lanes:
        session.log(lane.row())
    for version in set(SUPPORTED) - set(present):
        session.log(f"{version:14}  NOT TESTED: there is no python{version} here")


@nox.session(python=found(SUPPORTED)[-1:] + found(UPCOMING))
def canary(session: nox.Session) -> None:
    session.install(".[test]")
    # Then the pre-release of each, if there is one: a missing wheel is not an error.
    for package in ("twisted", "tornado", "zope.interface", "uvloop"):
        command = ("python", "-m", "pip", "install", "--quiet", "--pre", "--upgrade", package)
        session.run(*command, success_codes=[0, 1])
    session.run("python", "-m", "pip", "list", "--format=freeze")
    session.run("python", "-m", "pytest", "tests/unit", "tests/property", "tests/contract")
