"""Programs as users write them, each with its own framework: see `make bench-apps`."""
