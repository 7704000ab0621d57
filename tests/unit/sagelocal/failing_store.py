"""A store that fails on demand, as one does whose disk is full for a moment."""

import sqlite3
import threading
from collections import Counter

from sagelocal.jobs.store import Store

FULL = "database or disk is full"


class FailingStore(Store):
    """Fails the calls that were planned to, each once."""

    def __init__(self, path):
        self.planned = Counter()
        super().__init__(path)

    def fail(self, call, subject, thread, times=1):
        """Plan failures of a call about a resource, or of `list` of a kind, on a thread of that name."""
        self.planned[call, subject, thread] += times

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
        plan = (call, subject, threading.current_thread().name)
        if self.planned[plan]:
            self.planned[plan] -= 1
            raise sqlite3.OperationalError(FULL)
