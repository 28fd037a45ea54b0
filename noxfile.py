"""The tests on every Python found, with the oldest and the newest dependencies: `make test-all`."""

import os
import re
import shutil
from pathlib import Path

import nox

# What an old Twisted speaks TLS with is of its own age: it does not know the newer ones.
OLDEST_TLS = ["pyopenssl==24.3.0", "service-identity==24.2.0"]

SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14")


def add_pyenv_to_path() -> None:
    """Puts pyenv's interpreters first: its shims answer only for the version that is chosen."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    bins = [str(path) for path in sorted(versions.glob("3.*/bin"))]
    os.environ["PATH"] = os.pathsep.join([*bins, os.environ["PATH"]])


def oldest(requirements: list[str]) -> list[str]:
    """The lower bounds that pyproject.toml states, as exact pins."""
    return [re.sub(r">=\s*([^;,\s]+)[^;]*", r"==\1", requirement) for requirement in requirements]


add_pyenv_to_path()
PYTHONS = [version for version in SUPPORTED if shutil.which(f"python{version}")]
DEPENDENCIES: list[str] = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]


@nox.session(python=PYTHONS)
@nox.parametrize("dependencies", ["oldest", "newest"])
def tests(session: nox.Session, dependencies: str) -> None:
    pins = [*oldest(DEPENDENCIES), *OLDEST_TLS] if dependencies == "oldest" else []
    session.install(".[test]", *pins)
    session.run("python", "-m", "pip", "list", "--format=freeze")
    session.run("python", "-m", "pytest", *session.posargs)
