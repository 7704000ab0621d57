"""The stack of the end-to-end tests."""

from tests.e2e.conftest import launch, stack

__all__ = ["launch", "stack"]
