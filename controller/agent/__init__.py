"""The reference agent: asks what is due, looks at this machine, reports what it saw.

``run_agent`` in ``controller.agent.loop`` is the way in for programs that embed it.
"""
