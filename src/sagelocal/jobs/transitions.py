"""A training job's secondary statuses: the list that clients print, and that tells them when to look again.

The Amazon provider takes a description for new only when the last transition's StatusMessage differs from the
one before, so two transitions in a row never say the same.
"""

from __future__ import annotations

from typing import Any

MESSAGES = {
    "Starting": "Starting the training job",
    "Pending": "Waiting for room: other jobs are running",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The instance was taken back; the job waits for another",
    "Restarting": "Starting the training job again after an internal error",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Stopped": "Training job stopped",
    "Failed": "Training job failed",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job exceeded MaxWaitTimeInSeconds provided",
}
"""What SageMaker says for each (the SDK's logs show them)."""
ENDS = frozenset({"Completed", "Stopped", "Failed", "MaxRuntimeExceeded", "MaxWaitTimeExceeded"})


def advance(body: dict[str, Any], secondary: str, moment: float, message: str = "") -> None:
    """Make `secondary` the job's secondary status from `moment` (seconds since the epoch) on."""
    words = message or MESSAGES[secondary]
    transitions = body.setdefault("SecondaryStatusTransitions", [])
    if transitions:
        transitions[-1].setdefault("EndTime", moment)
        if transitions[-1].get("StatusMessage") == words:
            words = f"{words} ({secondary})"
    entry = {"Status": secondary, "StartTime": moment, "StatusMessage": words}
    if secondary in ENDS:
        entry["EndTime"] = moment
    transitions.append(entry)
    body["SecondaryStatus"] = secondary
    body["LastModifiedTime"] = moment
