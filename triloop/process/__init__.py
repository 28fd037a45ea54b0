"""What exists once in a process: signal handlers, the wake-up descriptor, child processes."""
