"""In-memory twins of the AWS services that Sagewind's core calls, for tests without a socket."""

from sagewind.testing.aws import Account, client

__all__ = ["Account", "client"]
