"""The built-in algorithms' `model_fn` and `transform_fn`, as the model server calls them.

Which algorithm answers is in the variable `SAGELOCAL_ALGORITHM`, the repository of the image.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal.algorithms import data, inference, training
from sagelocal.algorithms.catalog import SPECS
from sagelocal.algorithms.errors import CustomerError

if TYPE_CHECKING:
    from sagelocal.algorithms.specs.algorithm import Spec
    from sagelocal.algorithms.training import Model

VARIABLE = "SAGELOCAL_ALGORITHM"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """An algorithm's model."""

    spec: Spec
    model: Model
    batch: bool


def model_fn(model_dir: str) -> Loaded:
    """Load the artifact of the algorithm that the environment names."""
    spec = SPECS[os.environ[VARIABLE]]
    model = training.implementation(spec).load(Path(model_dir))
    return Loaded(spec=spec, model=model, batch=os.environ.get("SAGEMAKER_BATCH", "") == "true")


def transform_fn(loaded: Loaded, body: Any, content_type: str, accept: str) -> tuple[bytes, str]:
    """Answer one request.

    Raises:
        CustomerError: the request is at fault; it carries the status to answer with.

    """
    raw = body.encode() if isinstance(body, str) else bytes(body)
    rows = inference.read(loaded.spec, raw, content_type)
    if rows.width > loaded.model.width or (rows.width < loaded.model.width and not rows.is_sparse):
        raise CustomerError(f"The request has {rows.width} features; the model has {loaded.model.width}")
    data.refuse_unusable(rows, of="", may_miss=loaded.spec.takes_missing, labelled=False)
    predicted = loaded.model.predict(rows.widened(loaded.model.width), verbose=inference.is_verbose(accept))
    return inference.write(loaded.spec, predicted, accept, batch=loaded.batch)
