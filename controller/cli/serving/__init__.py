"""What stands around a controller that serves: its protocol, its logs, what it tells people."""
