"""osquery's tables for Linux, by plain reading of the system.

Names, columns and the text form of values are osquery's, so that one query means the same to both.
``TABLES`` in ``controller.agent.tables.registry`` holds them all.
"""
