"""Trains a built-in algorithm in its container: validate, load, fit, save; failures in the failure file."""

from __future__ import annotations

import importlib
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from sagelocal.algorithms import data
from sagelocal.algorithms.catalog import SPECS
from sagelocal.algorithms.channels import Container
from sagelocal.algorithms.console import Console
from sagelocal.algorithms.errors import CustomerError

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Dataset
    from sagelocal.algorithms.specs.algorithm import Spec


CUSTOMER_ERROR = 2
"""The exit status of AWS's containers when the customer is at fault."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What an algorithm gets: its validated hyperparameters, its channels, and where the artifact goes."""

    hyperparameters: dict[str, Any]
    channels: dict[str, Dataset]
    model_dir: Path
    console: Console

    @property
    def train(self) -> Dataset:
        """The train channel."""
        return self.channels["train"]

    def check_classes(self, count: int) -> None:
        """Hold the labels of every channel against the numbers of the classes.

        Raises:
            CustomerError: a label is none of 0, …, `count` - 1.

        """
        for name, dataset in self.channels.items():
            labels = np.unique(np.asarray(dataset.labels))
            wrong = labels[~np.isin(labels, np.arange(count))]
            if len(wrong):
                raise CustomerError(
                    f"Labels of a {self.hyperparameters['predictor_type']} must be integers from 0 to "
                    f"{count - 1}; channel '{name}' has {wrong[:5].tolist()}"
                )


class Model(Protocol):
    """A trained model, ready to predict."""

    @property
    def width(self) -> int:
        """The number of features that a row must have."""

    def predict(self, data: Dataset, *, verbose: bool) -> list[dict[str, Any]]:
        """Return one document for each row, in the members that the AWS documentation gives."""


class Implementation(Protocol):
    """What the module of an algorithm offers."""

    def train(self, job: Job) -> None:
        """Fit the model, print its metrics and save it."""

    def load(self, model_dir: Path) -> Model:
        """Load what `train` saved."""


def implementation(spec: Spec) -> Implementation:
    """Import the module that trains and predicts; its libraries are those of the image."""
    return cast("Implementation", importlib.import_module(spec.implementation))


def run(repository: str, root: Path) -> int:
    """Train in the container at `root`; return the exit status: unless it is 0 there is a failure file."""
    container = Container(root=root)
    console = Console(host=container.host)
    try:
        _train(SPECS[repository], container, console)
    except CustomerError as error:
        console.complain(f"Customer Error: {error}")
        _fail(container, f"ClientError: {error}")
        return CUSTOMER_ERROR
    except Exception as error:  # noqa: BLE001  (whatever a library raises is the algorithm's failure)
        console.complain(traceback.format_exc())
        _fail(container, f"AlgorithmError: {type(error).__name__}: {error}")
        return 1
    return 0


def _train(spec: Spec, container: Container, console: Console) -> None:
    given = container.hyperparameters()
    console.say(f"{spec.title}: hyperparameters given: {given}")
    hyperparameters = spec.hyperparameters.validate(given)
    if len(container.hosts) > 1:
        raise CustomerError(
            f"sagelocal trains {spec.title} on one instance; InstanceCount is {len(container.hosts)}"
        )
    channels = container.load(spec, has_weights=bool(hyperparameters.get("csv_weights")))
    channels = _alike(channels, hyperparameters.get("feature_dim"))
    for name, dataset in channels.items():
        _check(spec, name, dataset)
        console.say(f"Channel {name}: {len(dataset)} rows, {dataset.width} features")
    job = Job(hyperparameters=hyperparameters, channels=channels, model_dir=container.model, console=console)
    begin = time.perf_counter()
    implementation(spec).train(job)
    if spec.metrics and spec.metrics[0].name == "train:progress":
        console.progress(100)
        epochs = hyperparameters.get("epochs", 1)
        console.throughput(len(job.train) * epochs, time.perf_counter() - begin)


def _alike(channels: dict[str, Dataset], wanted: Any) -> dict[str, Dataset]:
    """Return the channels with as many features as `feature_dim` says, or else the train channel has.

    Sparse rows may end earlier. They say nothing of the features that follow.
    """
    width, source = channels["train"].width, "the train channel has"
    if isinstance(wanted, int):
        width, source = wanted, "hyperparameter feature_dim says"
    for name, dataset in channels.items():
        if dataset.width > width or (dataset.width < width and not dataset.is_sparse):
            raise CustomerError(
                f"The dimensionality of the data in channel '{name}' is {dataset.width}; {source} {width}"
            )
    return {name: dataset.widened(width) for name, dataset in channels.items()}


def _check(spec: Spec, name: str, dataset: Dataset) -> None:
    if spec.needs_labels and dataset.labels is None:
        raise CustomerError(f"Channel '{name}' has no labels; {spec.title} needs them")
    data.refuse_unusable(
        dataset, of=f" of channel '{name}'", may_miss=spec.takes_missing, labelled=spec.needs_labels
    )


def _fail(container: Container, reason: str) -> None:
    container.failure.parent.mkdir(parents=True, exist_ok=True)
    container.failure.write_text(reason)
