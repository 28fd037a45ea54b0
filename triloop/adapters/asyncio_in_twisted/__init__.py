"""asyncio and Tornado on Twisted: an asyncio loop as the guest of a Twisted reactor."""
