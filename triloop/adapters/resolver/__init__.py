"""Names to addresses without threads, on the sockets of the loop that asks."""
