"""The suites of Twisted, Tornado and CPython, run on triloop's classes and on the native ones."""
