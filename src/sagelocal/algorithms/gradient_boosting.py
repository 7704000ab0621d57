"""XGBoost in algorithm mode, by the xgboost package.

The log's lines, the artifact `xgboost-model` and the CSV answers are those of the open-source container
(https://github.com/aws/sagemaker-xgboost-container). A tab in its log reaches CloudWatch as `#011`, and the
metrics' regular expressions look for that, so it is printed here.
"""

from __future__ import annotations

import pickle
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

from sagelocal.algorithms import boosting_metrics, boosting_rules
from sagelocal.algorithms.errors import CustomerError
from sagelocal.algorithms.hyperparameters import TUNED
from sagelocal.algorithms.specs.xgboost import MAXIMIZED

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.console import Console
    from sagelocal.algorithms.data import Dataset
    from sagelocal.algorithms.training import Job

FILE = "xgboost-model"
_PICKLES = tuple(pickle.PROTO + bytes([version]) for version in range(2, pickle.HIGHEST_PROTOCOL + 1))

_NOT_BOOSTER_PARAMETERS = frozenset(
    {
        "num_round",
        "csv_weights",
        "early_stopping_rounds",
        "save_model_on_termination",
        "eval_metric",
        "use_dask_gpu_training",
        "_kfold",
        "_num_cv_round",
        TUNED,
    }
)
# Names that the container's versions know and today's library has dropped or renamed.
_DROPPED = frozenset(
    {"dsplit", "predictor", "sketch_eps", "single_precision_histogram", "deterministic_histogram"}
)
_RENAMED_VALUES = {"reg:linear": "reg:squarederror", "gpu_hist": "hist"}


def train(job: Job) -> None:
    """Boost on the train channel, printing each round's metrics; save the best model."""
    boosting_rules.check(job.hyperparameters)
    try:
        booster = _boosted(job)
    except ValueError as error:  # XGBoostError is one, and so is what scikit-learn says of a metric
        raise boosting_rules.explained(error) from error
    (job.model_dir / FILE).write_bytes(booster.save_raw("ubj"))


def load(model_dir: Path) -> Boosted:
    """Load the booster: the container's own formats but pickles, which are code."""
    path = model_dir / FILE
    if not path.exists():
        files = sorted(each for each in model_dir.iterdir() if each.is_file() and each.name[0] != ".")
        if len(files) != 1:
            raise CustomerError(
                f"{model_dir} must hold {FILE}, or one file; it holds {[f.name for f in files]}"
            )
        path = files[0]
    content = path.read_bytes()
    if content.startswith(_PICKLES):
        raise CustomerError(f"{path.name} is a pickle, which is code; save the booster with save_model")
    return Boosted(booster=xgboost.Booster(model_file=bytearray(content)))


@dataclass(frozen=True, kw_only=True)
class Boosted:
    """A booster."""

    booster: Any

    @property
    def width(self) -> int:
        """The number of features that a row must have."""
        return int(self.booster.num_features())

    def predict(self, data: Dataset, *, verbose: bool) -> list[dict[str, Any]]:  # noqa: ARG002  (as all models)
        """Return `score` for each row: a number, or a list of probabilities."""
        last = self.booster.attr("best_iteration")
        end = int(last) + 1 if last is not None else 0
        scores = self.booster.predict(
            xgboost.DMatrix(data.features), iteration_range=(0, end), validate_features=False
        )
        return [{"score": score.tolist()} for score in scores]


def _boosted(job: Job) -> Any:
    chosen = job.hyperparameters
    matrices = {name: _matrix(data) for name, data in job.channels.items()}
    printed = boosting_metrics.printed(chosen)
    return xgboost.train(
        _parameters(chosen, printed),
        matrices["train"],
        num_boost_round=chosen["num_round"],
        evals=[(matrix, name) for name, matrix in matrices.items()],
        custom_metric=boosting_metrics.custom(printed, chosen),
        callbacks=_callbacks(job, chosen),
        verbose_eval=False,
    )


class _Print(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Prints a line a round, as `[0]#011train-rmse:0.5#011validation-rmse:0.6`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[float]]]) -> bool:  # noqa: ARG002
        """Print the metrics of this round; never ask to stop."""
        values = [
            f"#011{channel}-{name}:{history[-1]:.5f}"
            for channel, named in evals_log.items()
            for name, history in named.items()
        ]
        print(f"[{epoch}]{''.join(values)}", flush=True)  # noqa: T201
        return False


class _StopOnTermination(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Ends training after the round in which the job is stopped, so that the model of that round is saved."""

    def __init__(self) -> None:
        self._is_asked = False

    def before_training(self, model: Any) -> Any:
        """Begin to listen to the signal that stops a job."""
        signal.signal(signal.SIGTERM, self._ask)
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[float]]]) -> bool:  # noqa: ARG002
        """Ask to stop once the job is asked to."""
        return self._is_asked

    def _ask(self, *_: object) -> None:
        self._is_asked = True


def _callbacks(job: Job, chosen: dict[str, Any]) -> list[Any]:
    callbacks: list[Any] = [_Print(job.console)]
    if chosen["save_model_on_termination"] == "true":
        callbacks.append(_StopOnTermination())
    rounds = chosen["early_stopping_rounds"]
    if rounds is None:
        return callbacks
    metric = boosting_metrics.watched(chosen, job.channels)
    if not metric:
        job.console.say(
            "early_stopping_rounds has no effect: it needs a validation channel, and a metric that "
            "eval_metric or a tuning job names"
        )
        return callbacks
    stopping = xgboost.callback.EarlyStopping(
        rounds=rounds,
        metric_name=metric,
        data_name="validation",
        maximize=metric.partition("@")[0] in MAXIMIZED,
        save_best=True,
    )
    return [*callbacks, stopping]


def _parameters(chosen: dict[str, Any], printed: tuple[str, ...]) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        name: _RENAMED_VALUES.get(value, value) if isinstance(value, str) else value
        for name, value in chosen.items()
        if value is not None and name not in _NOT_BOOSTER_PARAMETERS | _DROPPED
    }
    known = [name for name in printed if name not in boosting_metrics.CUSTOM]
    if known:
        parameters["eval_metric"] = known
    return parameters


def _matrix(data: Dataset) -> Any:
    matrix = xgboost.DMatrix(data.features, label=data.labels, weight=data.weights)
    if data.queries is not None:
        begins = np.flatnonzero(np.diff(data.queries)) + 1
        matrix.set_group(np.diff([0, *begins, len(data)]))
    return matrix
