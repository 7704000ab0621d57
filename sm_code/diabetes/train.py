"""Train a regression on a table with missing values, and serve it.

The preprocessing is part of the model: one scikit-learn pipeline imputes, encodes and predicts, so the
endpoint does with a row exactly what training did. Columns are taken by name, in training and in JSON
requests.

Runs in SageMaker's scikit-learn container, and by hand just the same:

    python train.py --train-dir ../../dags/data --model-dir /tmp/model --output-data-dir /tmp/out
"""

import argparse
import io
import json
import os

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
CATEGORIES = ["sex"]
FEATURES = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
"""The order of the columns in a CSV request, which has no header."""


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(body, content_type):
    """Make a table with named columns: from CSV by their order, from JSON by their names."""
    text = body.decode() if isinstance(body, bytes) else body
    if content_type.startswith("text/csv"):
        table = pd.read_csv(io.StringIO(text), header=None)
        if table.shape[1] != len(FEATURES):
            raise ValueError(f"expected {len(FEATURES)} columns: {', '.join(FEATURES)}; got {table.shape[1]}")
        return table.set_axis(FEATURES, axis=1)
    if content_type.startswith("application/json"):
        rows = json.loads(text)
        table = pd.DataFrame(rows if isinstance(rows, list) else [rows])
        missing = [name for name in FEATURES if name not in table.columns]
        if missing:
            raise ValueError(f"no column {', '.join(missing)}")
        return table[FEATURES]
    raise ValueError(f"content type {content_type}: expected text/csv or application/json")


def make_model(args):
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        ColumnTransformer([("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)]),
        GradientBoostingRegressor(
            n_estimators=args.n_estimators,
            max_depth=args.max_depth,
            learning_rate=args.learning_rate,
            random_state=args.random_state,
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()

    # Hyperparameters: SageMaker passes each of the job's as `--<name> <value>`.
    parser.add_argument("--target", type=str, default="progression")
    parser.add_argument("--n-estimators", type=int, default=150)
    parser.add_argument("--max-depth", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--random-state", type=int, default=28)

    # Where things are: SageMaker tells by environment variables.
    parser.add_argument("--train-file", type=str, default="diabetes.csv")
    parser.add_argument("--train-dir", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--output-data-dir", type=str, default=os.environ.get("SM_OUTPUT_DATA_DIR"))

    args = parser.parse_args()

    df = pd.read_csv(os.path.join(args.train_dir, args.train_file))
    X_train, X_test, y_train, y_test = train_test_split(
        df[FEATURES], df[args.target], random_state=args.random_state
    )

    model = make_model(args).fit(X_train, y_train)
    predicted = model.predict(X_test)

    # The metric definitions of the job read these lines.
    print(f"RMSE={root_mean_squared_error(y_test, predicted):.4f};")
    print(f"R2={r2_score(y_test, predicted):.4f};")
    print(f"Missing={int(df[FEATURES].isna().sum().sum())};")

    os.makedirs(args.model_dir, exist_ok=True)
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))

    os.makedirs(args.output_data_dir, exist_ok=True)
    residuals = pd.DataFrame({"truth": y_test, "prediction": np.round(predicted, 4)})
    residuals.to_csv(os.path.join(args.output_data_dir, "residuals.csv"), index_label="row")
