"""What the console's pages read: one module a subject, a fixed number of queries a page, never a scan of history."""
