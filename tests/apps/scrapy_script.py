"""Crawls a page that comes late, until Ctrl-C: ``scrapy_script.py REACTOR LOOP``."""

import http.server
import sys
import threading
import time
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess

from tests.apps import host


class Spider(scrapy.Spider):  # type: ignore[misc]
    name = "waiting"

    def parse(self, response: Any) -> None:
        """Never called."""

    def closed(self, reason: str) -> None:
        host.tell(f"closed: {reason}")


class Site(http.server.BaseHTTPRequestHandler):
    """Takes its time: the signals come first."""

    def do_GET(self) -> None:
        host.tell("asked")
        time.sleep(3)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
threading.Thread(target=site.serve_forever, daemon=True).start()
reactor, loop = sys.argv[1:]
process = CrawlerProcess({"TWISTED_REACTOR": reactor, "ASYNCIO_EVENT_LOOP": loop})
process.crawl(Spider, start_urls=[f"http://127.0.0.1:{site.server_port}/"])
process.start()
host.tell("ended")
