"""Server-rendered pages over the read side."""
