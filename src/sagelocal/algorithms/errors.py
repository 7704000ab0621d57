"""How a built-in algorithm says that the customer is at fault, and not it."""

from __future__ import annotations


class CustomerError(Exception):
    """The request or its data are at fault: `FailureReason` begins with `ClientError: `."""

    http_status = 400
    """What the model server answers with."""
