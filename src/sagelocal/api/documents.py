"""Texts in requests that must be JSON documents."""

from __future__ import annotations

import json

from sagelocal.errors import ValidationException


def check(what: str, text: str) -> None:
    """Refuse what is no JSON object; `what` is how the message calls it.

    Raises:
        ValidationException: it is none.

    """
    try:
        is_document = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_document = False
    if not is_document:
        raise ValidationException(f"{what} is not a JSON document")
