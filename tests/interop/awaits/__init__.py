"""Every awaitable is awaited in every driver, and compared with what is native."""
