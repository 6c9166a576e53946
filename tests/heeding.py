"""What a process of Python begins with that is to heed signals, whoever runs the tests.

Behind & and by nohup these, and all that they start, ignore some.
"""

HEEDING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
