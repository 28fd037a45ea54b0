"""Adapters: a package for each direction of nesting, and the resolver."""
