"""Who puts reports on disk: this process, or one of its own beside it."""
