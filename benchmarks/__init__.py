"""Every event loop side by side: what a request costs the server's process."""
