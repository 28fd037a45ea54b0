"""Words that this project does not use: each has a plainer one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: A pattern, and what to write instead.
PLAINER = {
    r"he|him|his": "name the code or the person",
    r"whoever|whomever|whom": "the caller, other code, the call that …",
    r"nobody(?:.s)?|somebody(?:.s)?": "no code, other code, nothing",
    r"in hand": "under way, scheduled",
    r"of the same mind": "with the same settings",
    r"under lock and key": "private",
    r"(this|that|these|which|each) rooms?": "module",
    r"unheeded": "ignored",
    r"let alone": "not changed",
    r"thereof|therein|whereof|hereby": "of it, in it",
}
WORDS = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in PLAINER), re.IGNORECASE)
#: Docstrings are in one dialect, Google's.
FIELDS = re.compile(r"^\s*:(param|type|returns?|rtype|raises?|ivar)\b[^`]*:", re.MULTILINE)


def texts(*patterns: str) -> dict[str, str]:
    """Files of the project by their names."""
    paths = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}


def test_words_are_plain() -> None:
    pages = texts("*.md", "changelog.d/*.md", "docs/*.md")
    code = texts("triloop/**/*.py", "examples/**/*.py", "benchmarks/*.py", "tests/**/*.py")
    del code["tests/unit/test_words.py"]
    assert len(pages) > 10
    assert len(code) > 100
    found = {
        f"{name}: {word.group()}"
        for name, text in (pages | code).items()
        for word in WORDS.finditer(text)
    }
    assert not found, f"plainer: {PLAINER}"


def test_docstrings_are_of_one_dialect() -> None:
    code = texts("triloop/**/*.py", "benchmarks/*.py", "tests/**/*.py", "examples/**/*.py")
    assert len(code) > 200
    assert not [name for name, text in code.items() if FIELDS.search(text)]
