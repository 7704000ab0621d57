"""Evaluate the trained model on held-out rows, as a SageMaker processing job.

Runs in SageMaker's scikit-learn container, and by hand just the same:

    python evaluate.py --model-dir /tmp/model --test-dir /tmp/test --output-dir /tmp/evaluation

Reads model.tar.gz (or model.joblib) and every CSV of the test folder. Writes
    evaluation.json   the metrics, in the shape of SageMaker's model-quality statistics
    predictions.csv   id, label and prediction of each row, to compare two models on the same rows
    importance.json   how much accuracy is lost when a column is shuffled
"""

import argparse
import csv
import json
import os
import tarfile
from glob import glob

import joblib
import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    fbeta_score,
    precision_score,
    recall_score,
)

METRICS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "macro_f1": lambda y, p: f1_score(y, p, average="macro", zero_division=0),
    "weighted_precision": lambda y, p: precision_score(y, p, average="weighted", zero_division=0),
    "weighted_recall": lambda y, p: recall_score(y, p, average="weighted", zero_division=0),
    "weighted_f1": lambda y, p: f1_score(y, p, average="weighted", zero_division=0),
    "weighted_f2": lambda y, p: fbeta_score(y, p, beta=2, average="weighted", zero_division=0),
}


def load_model(folder):
    archive = os.path.join(folder, "model.tar.gz")
    if os.path.exists(archive):
        with tarfile.open(archive) as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python has it from 3.11.4 on
            tar.extractall(folder)
    return joblib.load(os.path.join(folder, "model.joblib"))


def load_rows(folder, target):
    files = sorted(glob(os.path.join(folder, "*.csv")))
    if not files:
        raise SystemExit(f"no CSV file in {folder}")
    tables = [pd.read_csv(file) for file in files]
    for file, table in zip(files, tables):
        if target not in table.columns or list(table.columns) != list(tables[0].columns):
            raise SystemExit(
                f"{file} has the columns {list(table.columns)}; expected {target} among the same"
            )
    return pd.concat(tables, ignore_index=True)


def measured(metric, truth, predicted, resamples=100):
    """Return the metric's value, and its standard deviation over resampled rows."""
    random = np.random.default_rng(0)
    draws = [random.integers(0, len(truth), len(truth)) for _ in range(resamples)]
    values = [metric(truth[rows], predicted[rows]) for rows in draws]
    return {"value": float(metric(truth, predicted)), "standard_deviation": float(np.std(values))}


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file, indent=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", type=str, default="Species")
    parser.add_argument("--id", type=str, default="", help="the column that names a row; empty: its number")
    parser.add_argument("--model-dir", type=str, default="/opt/ml/processing/model")
    parser.add_argument("--test-dir", type=str, default="/opt/ml/processing/test")
    parser.add_argument("--output-dir", type=str, default="/opt/ml/processing/evaluation")
    args = parser.parse_args()

    model = load_model(args.model_dir)
    df = load_rows(args.test_dir, args.target)

    ids = df[args.id] if args.id else df.index
    features = df.drop(columns=[name for name in (args.target, args.id) if name])
    X, y = features.values, df[args.target].values
    predicted = model.predict(X)

    labels = sorted(set(y) | set(predicted))
    counts = confusion_matrix(y, predicted, labels=labels).tolist()
    metrics = {name: measured(metric, y, predicted) for name, metric in METRICS.items()}
    confusion = {str(a): dict(zip(map(str, labels), row)) for a, row in zip(labels, counts)}
    importance = permutation_importance(model, X, y, n_repeats=10, random_state=0, scoring="accuracy")

    os.makedirs(args.output_dir, exist_ok=True)
    evaluation = {
        "version": 0.0,
        "dataset": {"item_count": len(y)},
        "multiclass_classification_metrics": {"confusion_matrix": confusion, **metrics},
    }
    write_json(args.output_dir, "evaluation.json", evaluation)
    means, deviations = importance.importances_mean, importance.importances_std
    columns = {
        name: {"mean": mean, "std": deviation}
        for name, mean, deviation in zip(features.columns, means, deviations)
    }
    write_json(args.output_dir, "importance.json", {"metric": "accuracy", "features": columns})
    with open(os.path.join(args.output_dir, "predictions.csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "prediction"])
        writer.writerows(zip(ids, y, predicted))

    print(f"Accuracy={metrics['accuracy']['value']:.4f};")
