"""Tests across the worlds: a plug-in for pytest, which finds it by itself."""
