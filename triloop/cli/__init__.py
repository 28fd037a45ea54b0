"""The command line: ``triloop``, ``python -m triloop``."""
