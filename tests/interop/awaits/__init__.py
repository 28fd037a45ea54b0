"""Every awaitable, awaited everywhere, beside what the same library does natively."""
