"""Twisted on Tornado and asyncio: a Twisted reactor as the guest of an asyncio loop."""
