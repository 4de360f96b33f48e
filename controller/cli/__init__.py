"""The command line: one module per command, imported only when it runs.

Each command module offers ``configure(parser)`` and ``run(options) -> int`` (the exit code) and is
listed in ``COMMANDS`` of ``controller.cli.main``.
"""
