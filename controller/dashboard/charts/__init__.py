"""Charts as geometry: numbers in, coordinates out; templates draw them as SVG. Pure."""
