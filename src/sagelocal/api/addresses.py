"""Addresses on S3 in requests: what is none is refused before any work is done for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagelocal import storage as objects
from sagelocal.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping


def check(given: Mapping[str, str]) -> None:
    """Check addresses by the members that hold them.

    Raises:
        ValidationException: one is none; the message names its member.

    """
    for member, uri in given.items():
        try:
            objects.parse(uri)
        except objects.AddressError as error:
            raise ValidationException(f"{member}: {error}") from error
