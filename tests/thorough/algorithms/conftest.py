"""A container of a built-in algorithm, as a folder."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sagelocal.algorithms import handlers, protobuf, training
from sagelocal.algorithms.catalog import SPECS
from sagelocal.serving import recordio


def as_csv(features, labels=None):
    columns = features if labels is None else np.column_stack([labels, features])
    return "".join(",".join(map(str, row)) + "\n" for row in columns.tolist()).encode()


def as_recordio(features, labels=None):
    frames = []
    for index, row in enumerate(features.tolist()):
        label = {} if labels is None else {"values": protobuf.Tensor(values=[float(labels[index])])}
        record = protobuf.Record(features={"values": protobuf.Tensor(values=row)}, label=label)
        frames.append(recordio.write(protobuf.encode(record)))
    return b"".join(frames)


@dataclass
class Container:
    root: Path
    repository: str
    channels: dict = field(default_factory=dict)

    def channel(self, name, body, content_type=None, file="data"):
        folder = self.root / "input" / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(body)
        self.channels[name] = {"TrainingInputMode": "File"}
        if content_type:
            self.channels[name]["ContentType"] = content_type
        return self

    def train(self, **hyperparameters):
        config = self.root / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (self.root / "model").mkdir(exist_ok=True)
        (config / "hyperparameters.json").write_text(
            json.dumps({name: str(value) for name, value in hyperparameters.items()})
        )
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))
        (config / "resourceconfig.json").write_text(
            json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]})
        )
        return training.run(self.repository, self.root)

    @property
    def failure(self):
        path = self.root / "output" / "failure"
        return path.read_text() if path.exists() else ""

    def ask(self, body, content_type="text/csv", accept="application/json", *, batch=False):
        spec = SPECS[self.repository]
        model = training.implementation(spec).load(self.root / "model")
        loaded = handlers.Loaded(spec=spec, model=model, batch=batch)
        answer, kind = handlers.transform_fn(loaded, body, content_type, accept)
        return json.loads(answer) if kind == "application/json" else answer


@pytest.fixture
def container(tmp_path):
    return lambda repository: Container(root=tmp_path / repository, repository=repository)


@pytest.fixture(scope="session")
def blobs():
    """Three clouds of points, 60 each, and their numbers."""
    generator = np.random.default_rng(7)
    centres = np.array([[0.0, 0.0, 0.0], [5.0, 5.0, 0.0], [0.0, 5.0, 5.0]])
    labels = np.repeat(np.arange(3), 60)
    features = centres[labels] + generator.normal(scale=0.5, size=(180, 3))
    order = generator.permutation(180)
    return features[order].astype(np.float32), labels[order]


@pytest.fixture
def metrics(capsys):
    """What the printed log gives to the regular expressions of an algorithm's metrics, by name."""

    def read(repository):
        log = capsys.readouterr().out
        found = {}
        for metric in SPECS[repository].metrics:
            matches = re.findall(metric.regex, log)
            if matches:
                found[metric.name] = float(matches[-1])
        return found

    return read
