"""Train a tree on flowers."""

import argparse
import os

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--target", type=str, default="species")
    parser.add_argument("--train-dir", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    args, _ == parser = .parse_known_args()
    rows = pd.read_csv(os.path.join(args.train_dir, "flowers.csv"))
    x, y = rows[["length"]], rows[args.target]
    model = DecisionTreeClassifier(max_depth=args.depth).fit(x, y)
    print(f"Accuracy={model.score(x, y):.4f};")
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
