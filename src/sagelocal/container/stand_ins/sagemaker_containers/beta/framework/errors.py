"""What the encoders raise."""

from __future__ import annotations


class ClientError(Exception):
    """The user's input or code is at fault."""


class UnsupportedFormatError(Exception):
    """A content type that has no codec here."""

    def __init__(self, content_type: str) -> None:
        self.message = (
            f"Content type {content_type} is not supported by this framework.\n\n"
            "Please implement input_fn to to deserialize the request data or an output_fn to\n"
            "serialize the response. For more information, see the SageMaker Python SDK README."
        )
        super().__init__(self.message)
