"""Scrapy: two crawls of a local site, the reactor and the loop chosen by settings alone."""

import asyncio
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess

from tests.apps import host, site


class Spider(scrapy.Spider):  # type: ignore[misc]
    name = "links"
    found: set[str] = set()

    async def parse(self, response: Any) -> Any:
        await asyncio.sleep(0.01)
        self.found.add(response.css("title::text").get())
        for link in response.css("a"):
            yield response.follow(link, self.parse)


class Other(Spider):
    found: set[str] = set()


settings = {"TWISTED_REACTOR": "triloop.TornadoReactor", "LOG_LEVEL": "ERROR"}
if host.name() == "uvloop":
    settings["ASYNCIO_EVENT_LOOP"] = "uvloop.Loop"
with site.serving() as url:
    process = CrawlerProcess(settings)
    for spider in (Spider, Other):
        process.crawl(spider, start_urls=[url])
    process.start()
assert Spider.found == Other.found == {"/", "/a", "/b"}, (Spider.found, Other.found)
from twisted.internet import reactor  # noqa: E402

assert type(reactor).__name__ == "TornadoReactor"
assert type(reactor.host_loop).__module__.split(".")[0] == host.name()  # type: ignore[attr-defined]
host.tell("done")
