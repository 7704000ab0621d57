"""Train a random forest on a CSV table, and serve it.

Runs in SageMaker's scikit-learn container, and by hand just the same:

    python train.py --train-dir ../../dags/data --model-dir /tmp/model --output-data-dir /tmp/out
"""

import argparse
import json
import os

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split


def model_fn(model_dir):
    """Load the model: the one function that the serving container needs."""
    return joblib.load(os.path.join(model_dir, "model.joblib"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()

    # Hyperparameters: SageMaker passes each of the job's as `--<name> <value>`.
    parser.add_argument("--target", type=str, default="Species")
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--min-samples-leaf", type=int, default=3)
    parser.add_argument("--random-state", type=int, default=28)

    # Where things are: SageMaker tells by environment variables.
    parser.add_argument("--train-file", type=str, default="iris.csv")
    parser.add_argument("--train-dir", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--output-data-dir", type=str, default=os.environ.get("SM_OUTPUT_DATA_DIR"))

    args = parser.parse_args()

    df = pd.read_csv(os.path.join(args.train_dir, args.train_file))

    X = df.loc[:, df.columns != args.target].values
    y = df.loc[:, args.target].to_numpy(dtype=str)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=args.random_state)

    model = RandomForestClassifier(
        n_estimators=args.n_estimators,
        min_samples_leaf=args.min_samples_leaf,
        random_state=args.random_state,
    ).fit(X_train, y_train)

    predicted = model.predict(X_test)
    accuracy = accuracy_score(y_test, predicted)

    # The metric definition of the job reads this line.
    print(f"Accuracy={accuracy:.4f};")

    # What is in SM_MODEL_DIR becomes model.tar.gz; what is in SM_OUTPUT_DATA_DIR becomes output.tar.gz.
    os.makedirs(args.model_dir, exist_ok=True)
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))

    os.makedirs(args.output_data_dir, exist_ok=True)
    with open(os.path.join(args.output_data_dir, "evaluation.json"), "w") as file:
        labels = model.classes_.tolist()
        matrix = confusion_matrix(y_test, predicted, labels=labels).tolist()
        json.dump({"accuracy": accuracy, "labels": labels, "confusion_matrix": matrix}, file)
