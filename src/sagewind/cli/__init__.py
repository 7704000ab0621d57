"""The command `sagewind`: one module for each subcommand."""

from sagewind.cli.main import main

__all__ = ["main"]
