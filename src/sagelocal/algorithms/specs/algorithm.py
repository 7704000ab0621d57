"""What a built-in algorithm is, as data: standard library only, so that the service can read it cheaply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal.algorithms.hyperparameters import TUNED, Choice, Parameter

if TYPE_CHECKING:
    from sagelocal.algorithms.hyperparameters import Schema

CSV = "text/csv"
RECORDIO = "application/x-recordio-protobuf"
LIBSVM = "text/libsvm"
JSON = "application/json"
JSONLINES = "application/jsonlines"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric that the algorithm prints, and the regular expression that finds it."""

    name: str
    regex: str


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One algorithm; `implementation` is the module that trains and predicts, inside the image."""

    repository: str
    title: str
    implementation: str
    hyperparameters: Schema
    metrics: tuple[Metric, ...]
    channels: tuple[str, ...] = ("train", "test")
    train_formats: tuple[str, ...] = (RECORDIO, CSV)
    """Content types of the channels; the first is the default when a channel names none."""
    request_formats: tuple[str, ...] = (CSV, JSON, JSONLINES, RECORDIO)
    response_formats: tuple[str, ...] = (JSON, JSONLINES, RECORDIO)
    needs_labels: bool = True
    takes_missing: bool = False
    """Whether a feature may be missing: an empty field of CSV, or NaN."""
    joins_csv_rows: bool = False
    """Whether a CSV answer has its rows on one line, separated by commas."""


def quality(channel: str, printed: str, sense: str, *, epoch: bool = False) -> str:
    r"""Return the regular expression that AWS itself attaches to a built-in algorithm's metric.

    `printed` may hold `\S+`; `sense` is `loss` or `score`.
    """
    middle = r"epoch=\S+, " if epoch else ""
    return rf"#quality_metric: host=\S+, {middle}{channel} {printed} <{sense}>=(\S+)"


def metric(channel: str, name: str, *, loss: bool, printed: str = "", epoch: bool = False) -> Metric:
    """Return the metric `channel:name` with AWS's regular expression."""
    regex = quality(channel, printed or name, "loss" if loss else "score", epoch=epoch)
    return Metric(name=f"{channel}:{name}", regex=regex)


def tuned_for(metrics: tuple[Metric, ...]) -> Parameter:
    """Return the hyperparameter by which a tuning job says which of the metrics it goes by.

    For algorithms that print some of their metrics only when asked to.
    """
    return Parameter(name=TUNED, kind=Choice(tuple(each.name for each in metrics)))


PROGRESS = Metric(name="train:progress", regex=r"#progress_metric: host=\S+, completed (\S+) %")
THROUGHPUT = Metric(
    name="train:throughput",
    regex=r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
)
COMMON = (PROGRESS, THROUGHPUT)
