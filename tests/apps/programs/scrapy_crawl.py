"""`scrapy crawl` in a project whose settings.py names the reactor and the loop."""

import json
import subprocess

from tests.apps import host, servers, site

SETTINGS = {
    "asyncio": 'TWISTED_REACTOR = "triloop.TornadoReactor"\n',
    "uvloop": 'TWISTED_REACTOR = "triloop.TornadoReactor"\nASYNCIO_EVENT_LOOP = "uvloop.Loop"\n',
}
USED = {
    "asyncio": "Using asyncio event loop: asyncio.unix_events._UnixSelectorEventLoop",
    "uvloop": "Using asyncio event loop: uvloop.Loop",
}
SPIDER = """
import asyncio

import scrapy


class Links(scrapy.Spider):
    name = "links"
    start_urls = ["URL"]

    async def parse(self, response):
        await asyncio.sleep(0.01)
        yield {"page": response.css("title::text").get()}
        for link in response.css("a"):
            yield response.follow(link, self.parse)
"""

with site.serving() as url, servers.directory() as home:

    def scrapy(*arguments: str) -> str:
        done = subprocess.run(
            [servers.command("scrapy"), *arguments],
            cwd=home,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    scrapy("startproject", "shop", ".")
    with (home / "shop" / "settings.py").open("a") as settings:
        settings.write(f"\n{SETTINGS[host.name()]}DOWNLOAD_DELAY = 0\n")
    (home / "shop" / "spiders" / "links.py").write_text(SPIDER.replace("URL", url))
    log = scrapy("crawl", "links", "--overwrite-output", "pages.json")
    pages = json.loads((home / "pages.json").read_text())
    assert sorted(page["page"] for page in pages) == ["/", "/a", "/b"], (pages, log)
    assert "Using reactor: triloop.TornadoReactor" in log, log
    assert USED[host.name()] in log, log
    for other in (["shell", url, "-c", "print(response.css('title::text').get())"], ["check"]):
        log = scrapy(*other)
        assert "Traceback" not in log, log
host.tell("done")
