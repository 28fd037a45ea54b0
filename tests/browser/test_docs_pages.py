"""The documentation in a real browser: each page fits a desktop's screen and a phone's."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SCREENS

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
#: The words of tables that stand on more than one line. A line may end after a hyphen.
BROKEN_WORDS = """() => {
  const broken = [];
  for (const cell of document.querySelectorAll("article :is(td, th)")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode()); ) {
      for (const word of text.data.matchAll(/[^\\s-]+/g)) {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
        if (lines.size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}"""
#: A table or a listing that is too wide scrolls inside itself, and the page does not.
WIDTHS = "() => [document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, as ``make docs`` makes them."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "-b", "html", "docs", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("screen", SCREENS)
def test_pages_fit(screen: str, site: Path, browser: Browser) -> None:
    page = browser.new_context(**SCREENS[screen]).new_page()
    wrong = []
    for name in NAMES:
        page.goto(f"file://{site}/{name}.html")
        width, available = page.evaluate(WIDTHS)
        broken = page.evaluate(BROKEN_WORDS)
        if width > available or broken:
            wrong.append((name, width, broken))
    assert len(NAMES) > 20
    assert wrong == []


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_context(**SCREENS["desktop"]).new_page()


def test_version_members_and_changes_are_shown(site: Path, page: Page) -> None:
    page.goto(f"file://{site}/index.html")
    expect(page.locator(".sidebar-brand")).to_contain_text(version("triloop"))

    page.goto(f"file://{site}/reference.html")
    for name in ("TornadoReactor.spawnProcess", "TwistedIOLoop.asyncio_loop", "BaseHost.add_timer"):
        expect(page.locator(f'[id="triloop.{name}"]')).to_be_visible()

    page.goto(f"file://{site}/changelog.html")
    assert page.locator("article li").count() > 20
