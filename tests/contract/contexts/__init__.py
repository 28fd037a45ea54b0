"""What runs in which contextvars context: the rows of a table, and the places they are run in."""
