"""The private names of CPython, Twisted, Tornado and libuv that are used, declared once."""
