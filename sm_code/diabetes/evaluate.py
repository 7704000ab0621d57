"""Evaluate the trained regression on held-out rows, as a SageMaker processing job.

Runs in SageMaker's scikit-learn container, and by hand just the same:

    python evaluate.py --model-dir /tmp/model --test-dir /tmp/test --output-dir /tmp/evaluation

Reads model.tar.gz (or model.joblib) and every CSV of the test folder. Writes
    evaluation.json   the metrics, in the shape of SageMaker's model-quality statistics
    predictions.csv   id, label and prediction of each row, to compare two models on the same rows
    importance.json   how much R2 is lost when a column is shuffled
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
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error

METRICS = {
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "rmse": root_mean_squared_error,
    "r2": r2_score,
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
    parser.add_argument("--target", type=str, default="progression")
    parser.add_argument("--id", type=str, default="id", help="the column that names a row; empty: its number")
    parser.add_argument("--model-dir", type=str, default="/opt/ml/processing/model")
    parser.add_argument("--test-dir", type=str, default="/opt/ml/processing/test")
    parser.add_argument("--output-dir", type=str, default="/opt/ml/processing/evaluation")
    args = parser.parse_args()

    model = load_model(args.model_dir)
    df = load_rows(args.test_dir, args.target)

    ids = df[args.id] if args.id else df.index
    X = df[list(model.feature_names_in_)]
    y = df[args.target].values
    predicted = model.predict(X)

    metrics = {name: measured(metric, y, predicted) for name, metric in METRICS.items()}
    importance = permutation_importance(model, X, y, n_repeats=10, random_state=0, scoring="r2")

    os.makedirs(args.output_dir, exist_ok=True)
    evaluation = {"version": 0.0, "dataset": {"item_count": len(y)}, "regression_metrics": metrics}
    write_json(args.output_dir, "evaluation.json", evaluation)
    means, deviations = importance.importances_mean, importance.importances_std
    columns = {
        name: {"mean": mean, "std": deviation} for name, mean, deviation in zip(X.columns, means, deviations)
    }
    write_json(args.output_dir, "importance.json", {"metric": "r2", "features": columns})
    with open(os.path.join(args.output_dir, "predictions.csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "prediction"])
        writer.writerows(zip(ids, y, np.round(predicted, 6)))

    print(f"RMSE={metrics['rmse']['value']:.4f};")
    print(f"R2={metrics['r2']['value']:.4f};")
