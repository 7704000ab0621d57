"""The response that handlers return; in the toolkit it is flask's."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from . import content_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Response:
    """Body, content type and status of an answer."""

    default_mimetype = content_types.JSON

    def __init__(  # noqa: PLR0917  (the toolkit's own order)
        self,
        response: str | bytes | Iterable[str | bytes] | None = None,
        accept: str | None = None,  # noqa: ARG002  (the toolkit ignores it too)
        status: int | str = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        mimetype: str | None = None,
        direct_passthrough: bool = False,  # noqa: ARG002
    ) -> None:
        self.response = response
        self.headers = dict(headers or {})
        given = {name.lower(): value for name, value in self.headers.items()}.get("content-type")
        self.content_type = given if given and mimetype is None else _full(mimetype or self.default_mimetype)
        self.status_code = int(status.split()[0]) if isinstance(status, str) else int(status)

    @property
    def mimetype(self) -> str:
        """The content type without its parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def data(self) -> bytes:
        """The body."""
        return bytes(self.get_data())

    def get_data(self, as_text: bool = False) -> Any:
        """Return the body, as bytes or as text."""
        parts = [self.response] if isinstance(self.response, str | bytes | bytearray) else self.response or ()
        body = b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in parts)
        return body.decode() if as_text else body


def _full(mimetype: str) -> str:
    return f"{mimetype}; charset=utf-8" if mimetype.startswith("text/") and ";" not in mimetype else mimetype
