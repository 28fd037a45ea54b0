"""Scrapy: in a notebook, a cell crawls, and the next one again."""

import nbformat
from nbclient import NotebookClient

from tests.apps import host, site

BEGINNING = """
import scrapy
from scrapy.crawler import AsyncCrawlerRunner

import triloop


class Spider(scrapy.Spider):
    name = "links"
    start_urls = ["URL"]

    def parse(self, response):
        print("crawled", response.url.rpartition("/")[2] or "/")
        yield from response.follow_all(css="a")
"""
CRAWL = """
async with triloop.attached():
    settings = {"TWISTED_REACTOR": "triloop.TornadoReactor", "LOG_LEVEL": "ERROR"}
    await AsyncCrawlerRunner(settings).crawl(Spider)
"""

with site.serving() as url:
    cells = [BEGINNING.replace("URL", url), CRAWL, CRAWL]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
for cell in notebook.cells[1:]:
    lines = "".join(output.get("text", "") for output in cell.outputs).splitlines()
    assert sorted(lines) == ["crawled /", "crawled a", "crawled b"], cell.outputs
host.tell("done")
