"""A controller as commands ask it: over HTTP, or by its data folder."""
