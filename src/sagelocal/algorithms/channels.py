"""The container's input: hyperparameters and channels in `/opt/ml/input`.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any

from sagelocal.algorithms import data
from sagelocal.algorithms.errors import CustomerError
from sagelocal.algorithms.specs.algorithm import CSV, LIBSVM, RECORDIO

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Dataset
    from sagelocal.algorithms.specs.algorithm import Spec

_ALIASES = {
    "csv": CSV,
    "libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "application/x-recordio": RECORDIO,
    "application/x-protobuf": RECORDIO,
}


@dataclass(frozen=True, kw_only=True)
class Container:
    """`/opt/ml`, or where it is."""

    root: Path

    @property
    def model(self) -> Path:
        """Where the artifact goes."""
        return self.root / "model"

    @property
    def failure(self) -> Path:
        """Where the reason of a failure goes."""
        return self.root / "output" / "failure"

    @property
    def host(self) -> str:
        """This container's name in the cluster."""
        host: str = self._config("resourceconfig").get("current_host", "algo-1")
        return host

    @property
    def hosts(self) -> list[str]:
        """All containers of the job."""
        hosts: list[str] = self._config("resourceconfig").get("hosts", [self.host])
        return hosts

    def hyperparameters(self) -> dict[str, str]:
        """Return the hyperparameters as they were given; JSON-quoted strings lose their quotes."""
        return {name: _unquoted(str(value)) for name, value in self._config("hyperparameters").items()}

    def load(self, spec: Spec, *, has_weights: bool = False) -> dict[str, Dataset]:
        """Return the channels that the job was given.

        Raises:
            CustomerError: a channel is unknown, the train channel is missing, or data do not match their
                content type.

        """
        given = self._config("inputdataconfig")
        unknown = sorted(set(given) - set(spec.channels))
        if unknown:
            raise CustomerError(
                f"Channel {unknown[0]!r} is not supported; allowed: {', '.join(spec.channels)}"
            )
        if "train" not in given:
            raise CustomerError("Required channel 'train' is missing; InputDataConfig must have it")
        return {name: self._channel(spec, name, config, has_weights) for name, config in given.items()}

    def _channel(self, spec: Spec, name: str, config: dict[str, Any], has_weights: bool) -> Dataset:
        content_type = config.get("ContentType") or spec.train_formats[0]
        kind, parameters = parse_type(content_type)
        if kind not in spec.train_formats:
            raise CustomerError(
                f"Content type '{content_type}' of channel '{name}' is not supported; "
                f"allowed: {', '.join(spec.train_formats)}"
            )
        parts = []
        for path in self._files(name, config):
            try:
                parts.append(_read(path, kind, int(parameters.get("label_size", 1)), has_weights))
            except ValueError as error:
                raise CustomerError(
                    f"Unable to read data channel '{name}'. Requested content-type is '{content_type}'. "
                    "Please verify the data matches the requested content-type. "
                    f"(caused by {path.name}: {error})"
                ) from error
        parts = [part for part in parts if len(part)]
        if not parts:
            raise CustomerError(f"No training data in channel '{name}'")
        return data.concatenate(parts)

    def _files(self, name: str, config: dict[str, Any]) -> list[Path]:
        folder = self.root / "input" / "data"
        if config.get("TrainingInputMode") == "Pipe":
            return [folder / f"{name}_0"]
        return sorted(path for path in (folder / name).rglob("*") if path.is_file())

    def _config(self, name: str) -> dict[str, Any]:
        path = self.root / "input" / "config" / f"{name}.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content


def parse_type(header: str) -> tuple[str, dict[str, str]]:
    """Return a content type without its parameters, and those: `text/csv; label_size=0` → (…, {…})."""
    message = Message()
    message["content-type"] = header
    kind = header.partition(";")[0].strip().lower()
    parameters = {key: str(value) for key, value in (message.get_params() or [])[1:]}
    return _ALIASES.get(kind, kind), parameters


def _read(path: Path, kind: str, label_size: int, has_weights: bool) -> Dataset:
    body = path.read_bytes()
    if kind == CSV:
        return data.read_csv(body, label_size=label_size, has_weights=has_weights)
    return data.read_libsvm(body, labelled=True) if kind == LIBSVM else data.read_recordio(body)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return str(json.loads(text))
    return text
