"""Adapters: each room turns one framework's loop into a host, a guest, or both."""
