"""BentoML: `bentoml serve bentoml_app:Plain` (or Batched); the environment variable MODEL names the model."""

from __future__ import annotations

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(traffic={"timeout": 60})
class Plain:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[int]:
        return self.model.predict(np.array(rows, dtype=np.float32)).tolist()


@bentoml.service(traffic={"timeout": 60})
class Batched:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_latency_ms=1000)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict(rows.astype(np.float32))
