"""Bodies of `/invocations` as requests to TensorFlow Serving's REST API. Pure.

Source: `docker/build_artifacts/sagemaker/tensorflowServing.js` of
github.com/aws/sagemaker-tensorflow-serving-container, rule by rule, its oddities too: of a CSV of text only
the first comma and the first quote of a line are seen.
"""

from __future__ import annotations

import re

JSON_TYPES = frozenset({"application/json", "application/jsonlines", "application/jsons"})
CSV = "text/csv"
_JSON_ACCEPTED = frozenset({"application/json", "application/jsonlines"})
_TFS_REQUEST = re.compile(r'"(instances|inputs|examples)"\s*:')
_LINES_OF_JSON = re.compile(r"[}\]]\s*[\[{]")
_LIST_OF_LISTS = re.compile(r"\s*\[\s*\[")
_QUOTED_OR_NUMBERS = re.compile(r'\s*("|[\d.Ee+\-]+.*)')


class RequestError(Exception):
    """The request is at fault; the message is the answer's `error`."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.http_status = status


def request(text: str, content_type: str) -> str:
    """Return the JSON text that the container sends to TensorFlow Serving.

    Raises:
        RequestError: the content type is none that the container reads (415).

    """
    if content_type == CSV:
        return _from_csv(text)
    if content_type not in JSON_TYPES:
        raise RequestError(f"Unsupported Media Type: {content_type or 'Unknown'}", 415)
    if _TFS_REQUEST.search(text):
        return text
    if _LINES_OF_JSON.search(text):
        return _from_lines(text)
    return f'{{"instances":{text if _LIST_OF_LISTS.match(text) else f"[{text}]"}}}'


def answer_type(accept: str) -> str:
    """Return the content type of an answer: the first type accepted, where JSON is among them."""
    types = accept.replace(" ", "").split(",")
    return types[0] if _JSON_ACCEPTED.intersection(types) else "application/json"


def _from_lines(text: str) -> str:
    lines = [line.strip() for line in re.split(r"\r?\n", text.strip())]
    if len(lines) == 1:
        return f'{{"instances":{lines[0]}}}'
    return f'{{"instances":[{",".join(line for line in lines if line)}]}}'


def _from_csv(text: str) -> str:
    is_text = _QUOTED_OR_NUMBERS.match(text) is None
    lines = [line.strip() for line in re.split(r"\r?\n", text.strip())]
    return f'{{"instances":[{",".join(_csv_line(line, is_text=is_text) for line in lines if line)}]}}'


def _csv_line(line: str, *, is_text: bool) -> str:
    fields = line
    if is_text:
        fields = '"' + line.replace('"', '\\"', 1).replace(",", '","', 1) + '"'
    return f"[{fields}]" if "," in line else fields
