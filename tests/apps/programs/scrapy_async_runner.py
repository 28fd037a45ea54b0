"""Scrapy: AsyncCrawlerRunner in `triloop.run()`, crawls at once and one after the other."""

import asyncio
from typing import Any

from tests.apps import host, site


async def main() -> None:
    import scrapy
    from scrapy.crawler import AsyncCrawlerRunner

    found: list[str] = []

    class Spider(scrapy.Spider):
        name = "links"

        async def parse(self, response: Any) -> Any:
            await asyncio.sleep(0.01)
            found.append(response.css("title::text").get())
            for link in response.css("a"):
                yield response.follow(link, self.parse)

    settings = {"TWISTED_REACTOR": "triloop.TornadoReactor", "LOG_LEVEL": "ERROR"}
    with site.serving() as url:
        runner = AsyncCrawlerRunner(settings)
        await asyncio.gather(*(runner.crawl(Spider, start_urls=[url]) for _ in range(2)))
        await AsyncCrawlerRunner(settings).crawl(Spider, start_urls=[url])
    assert sorted(found) == ["/"] * 3 + ["/a"] * 3 + ["/b"] * 3, found


host.run(main)
