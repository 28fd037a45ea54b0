"""Scrapy: two crawls of a local site, the reactor and the loop chosen by settings alone."""

import asyncio
import http.server
import threading
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess

from tests.apps import host


class Site(http.server.BaseHTTPRequestHandler):
    """A page that links to two others."""

    def do_GET(self) -> None:
        links = "<a href='/a'>a</a><a href='/b'>b</a>" if self.path == "/" else ""
        body = f"<html><title>{self.path}</title>{links}</html>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


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


site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
threading.Thread(target=site.serve_forever, daemon=True).start()
settings = {"TWISTED_REACTOR": "triloop.TornadoReactor", "LOG_LEVEL": "ERROR"}
if host.name() == "uvloop":
    settings["ASYNCIO_EVENT_LOOP"] = "uvloop.Loop"
process = CrawlerProcess(settings)
for spider in (Spider, Other):
    process.crawl(spider, start_urls=[f"http://127.0.0.1:{site.server_port}/"])
process.start()
assert Spider.found == Other.found == {"/", "/a", "/b"}, (Spider.found, Other.found)
from twisted.internet import reactor  # noqa: E402

assert type(reactor).__name__ == "TornadoReactor"
assert type(reactor.host_loop).__module__.split(".")[0] == host.name()  # type: ignore[attr-defined]
host.tell("done")
