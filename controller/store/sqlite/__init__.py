"""The embedded store's driver: SQLite in WAL mode, durable at every commit."""
