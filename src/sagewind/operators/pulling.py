"""What other tasks returned, asked for once while a task's templates are rendered.

A request of a training job has half a dozen templates that read the same XCom, and for each of them Airflow
asks the API server anew: most of what rendering takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow.sdk import Context

_NAMES = ("ti", "task_instance")


class _Remembering:
    """A task instance whose `xcom_pull` gives the same answer to the same question; else as it is."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti
        self._pulled: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)

    def xcom_pull(self, *args: Any, **kwargs: Any) -> Any:
        """Pull, or return what was pulled."""
        question = (args, tuple(sorted(kwargs.items(), key=lambda each: each[0])))
        try:
            if question in self._pulled:
                return self._pulled[question]
        except TypeError:  # a list of tasks or of map indexes
            return self._ti.xcom_pull(*args, **kwargs)
        self._pulled[question] = self._ti.xcom_pull(*args, **kwargs)
        return self._pulled[question]


def once(context: Context) -> Context:
    """Return a context for rendering, in which each XCom is asked for once."""
    ti = context["ti"]
    if isinstance(ti, _Remembering):
        return context
    return cast("Context", {**context, **dict.fromkeys(_NAMES, _Remembering(ti))})
