"""A store that fails on demand, as one does whose disk is full for a moment."""

import sqlite3
import threading
from collections import defaultdict

from sagelocal.jobs.store import Store

FULL = "database or disk is full"


class FailingStore(Store):
    """Fails the calls that were planned to, each once."""

    def __init__(self, path):
        self.planned = defaultdict(list)
        super().__init__(path)

    def fail(self, call, subject, thread, after=0):
        """Let a call fail that a thread of that name makes, of a resource or, as `list` does, of a kind."""
        self.planned[call, subject, thread] = [False] * after + [True]

    def has_failed(self):
        """Tell whether all that was planned has come about."""
        return not any(self.planned.values())

    def get(self, kind, name):
        self._check("get", name)
        return super().get(kind, name)

    def list(self, kind):
        self._check("list", kind)
        return super().list(kind)

    def update(self, kind, name, change):
        self._check("update", name)
        return super().update(kind, name, change)

    def _check(self, call, subject):
        plan = self.planned[call, subject, threading.current_thread().name]
        if plan and plan.pop(0):
            raise sqlite3.OperationalError(FULL)
