"""The page, which waits for Twisted and for asyncio."""

from __future__ import annotations

import asyncio

from django.http import HttpRequest, HttpResponse
from django.urls import path
from twisted.internet import reactor
from twisted.internet.task import deferLater

import triloop


async def home(request: HttpRequest) -> HttpResponse:
    """Wait for both."""
    await asyncio.sleep(0.05)
    waited = await triloop.wait(deferLater(reactor, 0.05, lambda: "Twisted waited"))
    return HttpResponse(f"{waited} in {type(asyncio.get_running_loop()).__module__}\n")


urlpatterns = [path("", home)]
