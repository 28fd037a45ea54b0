"""The demo in a real browser, as wide as a desktop's and as a phone's.

A lane of its own, ``make test-browser``, which installs Chromium first. With
``TRILOOP_SCREENSHOTS=FOLDER`` it leaves the pictures of the documentation there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SCREENS
from tests.interop.test_demo import Demo, StartDemo, Terminal, start_demo

__all__ = ["start_demo"]

FOLDER = os.environ.get("TRILOOP_SCREENSHOTS")
PICTURES = {"desktop-light", "phone-dark"}
LONG = "no-space-" * 40


def opened(browser: Browser, demo: Demo, **options: Any) -> tuple[Page, list[str]]:
    """The page, and the errors that its script will have logged."""
    page = browser.new_context(**options).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://127.0.0.1:{demo.http_port}/")
    expect(page.locator("#log")).to_contain_text("came in by Tornado")
    return page, errors


def say(page: Page, text: str) -> None:
    page.get_by_label("Say something").fill(text)
    page.get_by_role("button", name="Say").click()


def picture(page: Page, name: str) -> None:
    if FOLDER and name in PICTURES:
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(FOLDER) / f"{name}.png", scale="css")


def talk(page: Page, terminal: Terminal) -> None:
    """A conversation in which all three worlds take part."""
    say(page, "/name ada")
    expect(page.locator("#log")).to_contain_text("is now ada")
    terminal.say("/name grace")
    terminal.say("good morning, from a terminal")
    expect(page.locator("#log")).to_contain_text("good morning, from a terminal")
    say(page, "hello, from a browser")
    terminal.hear("hello, from a browser")
    say(page, "/who")
    expect(page.locator("#log")).to_contain_text("here are bot (asyncio)")


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen, and the line to type in is on it."""
    return bool(
        page.evaluate(
            "() => { const box = document.getElementById('form').getBoundingClientRect();"
            "return document.documentElement.scrollWidth <= innerWidth"
            " && document.getElementById('log').scrollWidth <= innerWidth"
            " && box.bottom <= innerHeight && box.right <= innerWidth && box.top > 0; }"
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_page_shows_all_worlds_and_fits(
    screen: str, scheme: str, browser: Browser, start_demo: StartDemo
) -> None:
    demo = start_demo("asyncio")
    page, errors = opened(browser, demo, color_scheme=scheme, **SCREENS[screen])
    with demo.terminal() as terminal:
        terminal.hear("came in by Twisted")
        talk(page, terminal)
        for world in ("Tornado", "Twisted", "asyncio"):
            expect(page.locator(f"#log .{world}").first).to_be_visible()
        assert fits(page)
        picture(page, f"{screen}-{scheme}")

        say(page, LONG)
        terminal.hear(LONG)
        for number in range(30):
            terminal.say(f"line {number}")
        expect(page.get_by_text("line 29")).to_be_in_viewport()  # it follows the talk
        assert fits(page)
    assert errors == []
    assert demo.interrupt() == (0, "")


def test_page_says_when_the_room_is_closed(browser: Browser, start_demo: StartDemo) -> None:
    demo = start_demo("epoll")
    page, errors = opened(browser, demo, **SCREENS["phone"])
    assert demo.interrupt() == (0, "")
    expect(page.locator("#log")).to_contain_text("The room is closed")
    expect(page.get_by_label("Say something")).to_be_disabled()
    assert errors == []
