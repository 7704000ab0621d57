"""Save a model as MLflow's: `mlflow_model.py MODEL FOLDER`."""

import sys

import joblib
import mlflow.sklearn

mlflow.sklearn.save_model(joblib.load(sys.argv[1]), sys.argv[2], serialization_format="cloudpickle")
