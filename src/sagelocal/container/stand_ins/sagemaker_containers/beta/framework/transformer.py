"""The toolkit's default handlers, for scripts that call them."""

from __future__ import annotations

from typing import Any

from . import encoders, worker


def default_input_fn(input_data: Any, content_type: str) -> Any:
    """Return the array of a request."""
    return encoders.decode(input_data, content_type)


def default_output_fn(prediction: Any, accept: str) -> worker.Response:
    """Return the response of a prediction."""
    return worker.Response(response=encoders.encode(prediction, accept), mimetype=accept)


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"sagelocal stands in for sagemaker-containers without transformer.{name}; "
        "default_input_fn and default_output_fn are there"
    )
