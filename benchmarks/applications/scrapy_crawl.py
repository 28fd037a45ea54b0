"""A Scrapy crawl of the local site; an operation is a page.

``python -m benchmarks.applications.scrapy_crawl CONTENDER PORT SIZE``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import scrapy
from scrapy import signals
from scrapy.crawler import CrawlerProcess

from benchmarks.applications.site import PAGES
from benchmarks.jobs import TORNADO
from benchmarks.stopwatch import Stopwatch, leave_imports_out

_REACTORS = {
    "AsyncioSelectorReactor": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
    TORNADO: "triloop.TornadoReactor",
}


class Links(scrapy.Spider):
    """Follows all links, and makes an item of each page."""

    name = "links"
    watch: Stopwatch

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> Links:
        """See :meth:`scrapy.Spider.from_crawler`."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.opened, signals.spider_opened)
        crawler.signals.connect(spider.ended, signals.spider_closed)
        return spider

    def opened(self) -> None:
        """Imports and the start of the reactor are not counted."""
        leave_imports_out()
        self.watch = Stopwatch()

    def ended(self) -> None:
        """The crawl is over."""
        assert self.watch.operations == PAGES
        self.watch.tell()

    def parse(self, response: Any) -> Iterator[Any]:
        """See :meth:`scrapy.Spider.parse`."""
        self.watch.operations += 1
        yield {"title": response.css("title::text").get(), "text": response.css("p").getall()}
        yield from response.follow_all(css="a", callback=self.parse)


def crawl(contender: str, port: int, size: int) -> None:
    """Crawl the site once; the reactor and the loop are chosen by settings, as users do."""
    name, _, host = contender.partition(", ")
    settings: dict[str, Any] = {
        "TWISTED_REACTOR": _REACTORS[name],
        "ASYNCIO_EVENT_LOOP": "uvloop.Loop" if host else None,
        "LOG_LEVEL": "WARNING",
        "TELNETCONSOLE_ENABLED": False,
    }
    process = CrawlerProcess(settings)
    process.crawl(Links, start_urls=[f"http://127.0.0.1:{port}/page/0/{size}"])
    process.start()


if __name__ == "__main__":
    crawl(sys.argv[1], *map(int, sys.argv[2:]))
