"""Environment and flags, turned into one frozen value."""
