"""The operations of the service model that nothing here carries out: refused, never answered by nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from sagelocal.errors import NotSupported

if TYPE_CHECKING:
    from sagelocal.wire.message import Call

_NO_CALLBACK = "no pipeline here has a Callback step, whose token it would take"
_NO_RECORDS = "feature groups are kept, and there is no feature store for their records"
_REASONS = {
    **dict.fromkeys(("PutRecord", "GetRecord", "DeleteRecord", "BatchGetRecord"), _NO_RECORDS),
    "CreatePresignedNotebookInstanceUrl": "notebook instances are kept, and no Jupyter server runs for them",
    "ListCandidatesForAutoMLJob": "AutoML jobs are kept and not run, so that none has candidates",
    "ListMonitoringExecutions": "monitoring schedules are kept and not run, so that none has executions",
    "SendPipelineExecutionStepSuccess": _NO_CALLBACK,
    "SendPipelineExecutionStepFailure": _NO_CALLBACK,
}


def reason(operation: str) -> str:
    """Return why an operation is refused."""
    return _REASONS.get(operation, "nothing here does what it asks for")


def refuse(call: Call) -> NoReturn:
    """Refuse the operation.

    Raises:
        NotSupported: always.

    """
    raise NotSupported(f"sagelocal cannot carry out {call.operation}: {reason(call.operation)}")
