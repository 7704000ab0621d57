"""The base of every error that Sagewind raises for a person to read.

A message names the thing, the value got and what is allowed, so that it can be shown as it is: in a
task's log, on the command line, on a page.
"""


class SagewindError(Exception):
    """Something that the user can mend; the message says what and where."""


class NotYetError(SagewindError):
    """What is needed is still to be made by another run: a run that a clock started has nothing to do."""
