"""Gitward: configuration-as-code compliance control, reconciled from git."""

__version__ = "0.1.0"
