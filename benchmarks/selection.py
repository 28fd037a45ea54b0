"""Which jobs, contenders and points a command is for."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace

from benchmarks.contenders import is_installed
from benchmarks.jobs import BARE, JOBS, Job, Point

__all__ = ["add_options", "narrowed"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`narrowed` reads."""
    names = ", ".join(job.name for job in JOBS)
    parser.add_argument("--jobs", nargs="+", default=[], help=f"part of a name will do: {names}")
    parser.add_argument("--contenders", nargs="+", default=[], help="the same: TornadoReactor, ...")
    parser.add_argument("--connections", type=int, nargs="+", help="only with so many: 1 50 1000")
    parser.add_argument("--size", type=int, nargs="+", help="only with messages of so many bytes")


def narrowed(jobs: Iterable[Job], options: argparse.Namespace) -> list[Job]:
    """What the options select; jobs without a point or a contender are left out."""
    wanted = [_narrow(job, options) for job in jobs if _matches(job.name, options.jobs)]
    return [job for job in wanted if job.points and set(job.contenders) - {BARE}]


def _narrow(job: Job, options: argparse.Namespace) -> Job:
    wanted = (n for n in job.contenders if _matches(n, options.contenders) or n == BARE)
    contenders = tuple(n for n in wanted if is_installed(n))
    points = tuple(point for point in job.points if _fits(point, options))
    return replace(job, contenders=contenders, points=points)


def _fits(point: Point, options: argparse.Namespace) -> bool:
    sized = not point.size or not options.size or point.size in options.size
    crowds = options.connections
    return sized and (not crowds or not point.connections or point.connections in crowds)


def _matches(name: str, parts: list[str]) -> bool:
    return not parts or any(part.lower() in name.lower() for part in parts)
