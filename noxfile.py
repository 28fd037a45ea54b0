"""The tests on every Python found, with the oldest and the newest dependencies: `make test-all`.

`make canary` installs pre-releases instead, and runs the tests that notice a change first.
"""

import os
import re
import shutil
from pathlib import Path

import nox

# What an old Twisted speaks TLS with is of its own age: it does not know the newer ones.
OLDEST_TLS = ["pyopenssl==24.3.0", "service-identity==24.2.0"]

SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
#: Tried by the canary only.
UPCOMING = ("3.16",)

nox.options.sessions = ["tests"]


def add_interpreters_to_path() -> None:
    """Puts pyenv's interpreters first, whose shims answer only for one version, and `.pythons`."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    bins = [str(path) for path in sorted(versions.glob("3.*/bin"))]
    own = str(Path(__file__).parent / ".pythons/bin")
    os.environ["PATH"] = os.pathsep.join([*bins, own, os.environ["PATH"]])


def oldest(requirements: list[str]) -> list[str]:
    """The lower bounds that pyproject.toml states, as exact pins."""
    return [re.sub(r">=\s*([^;,\s]+)[^;]*", r"==\1", requirement) for requirement in requirements]


def found(versions: tuple[str, ...]) -> list[str]:
    """Those of the versions that this machine has."""
    return [version for version in versions if shutil.which(f"python{version}")]


add_interpreters_to_path()
DEPENDENCIES: list[str] = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]


@nox.session(python=found(SUPPORTED))
@nox.parametrize("dependencies", ["oldest", "newest"])
def tests(session: nox.Session, dependencies: str) -> None:
    pins = [*oldest(DEPENDENCIES), *OLDEST_TLS] if dependencies == "oldest" else []
    session.install(".[test]", *pins)
    session.run("python", "-m", "pip", "list", "--format=freeze")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=found(SUPPORTED)[-1:] + found(UPCOMING))
def canary(session: nox.Session) -> None:
    session.install(".[test]")
    # Then the next of each, if there is one: a wheel that is missing is no reason to stop.
    for package in ("twisted", "tornado", "zope.interface", "uvloop"):
        command = ("python", "-m", "pip", "install", "--quiet", "--pre", "--upgrade", package)
        session.run(*command, success_codes=[0, 1])
    session.run("python", "-m", "pip", "list", "--format=freeze")
    session.run("python", "-m", "pytest", "tests/unit", "tests/property", "tests/contract")
