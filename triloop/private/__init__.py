"""What CPython, Twisted, Tornado and libuv keep private and this package needs, declared once."""
