"""What a process has one of: the signal handlers, the wake-up descriptor, its children."""
