"""Every Python example in the README and in docs/ runs, and prints what the text says it prints.

A `python` block is a program: it runs in a process of its own, has to end by itself with status 0
and to write nothing to stderr. A `text` block right after it is what it prints. A block that only
shows a fragment is marked `{code-block} python` in docs/, or `pycon` and the like.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PATIENCE = 30.0  # seconds
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\s*^```text\n(?P<output>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Example:
    """A program that a page shows."""

    page: Path
    line: int
    code: str
    output: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples(page: Path) -> list[Example]:
    text = page.read_text(encoding="utf-8")
    return [
        Example(page, text.count("\n", 0, found.start()) + 1, found["code"], found["output"])
        for found in BLOCK.finditer(text)
    ]


@pytest.mark.parametrize(
    "example", [example for page in PAGES for example in examples(page)], ids=str
)
def test_example_runs(example: Example, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(example.code, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    if example.output is not None:
        assert ended.stdout == example.output


def test_service_runs_by_twistd() -> None:
    options = ["--reactor=triloop", "--nodaemon", "--pidfile=", "--python=clock.tac"]
    with subprocess.Popen(
        [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", *options],
        cwd=ROOT / "examples" / "service",
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stdout is not None
        lines = iter(service.stdout)
        # The first is printed before twistd handles signals, the second by the running reactor.
        for _ in range(2):
            assert any("tick" in line for line in lines)
        service.terminate()
        assert any("the clock has stopped" in line for line in lines)
        assert any("Server Shut Down" in line for line in lines)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    included = re.findall(r"^```{include} (\S+)$", page.read_text("utf-8"), re.MULTILINE)
    texts = [path.read_text("utf-8") for path in (page, *(page.parent / name for name in included))]
    text = re.sub(r"^```.*?^```$", "", "\n".join(texts), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    return [link for link in found if "://" not in link]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_each_kind_of_program_is_one_click_from_the_readme() -> None:
    programs = {link for link in links(ROOT / "README.md") if "#" in link}
    assert len(programs) >= 12
    sections = anchors(ROOT / "docs/programs.md") - {"what-do-i-write"}
    missing = sections - {link.partition("#")[2] for link in programs}
    assert missing <= {"a-reactor-that-has-to-stay"}


def test_readme_has_three_examples_of_six_lines() -> None:
    found = examples(ROOT / "README.md")
    assert len(found) == 3
    for example in found:
        statements = [line for line in example.code.splitlines() if line.strip()]
        assert len(statements) <= 6, str(example)
