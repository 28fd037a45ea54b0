"""The life of reactors and loops: attach, run, shut down, exit, fork."""
