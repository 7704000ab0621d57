"""Sagewind: a model's spec and training script become Airflow DAGs that run on SageMaker."""

__version__ = "0.1.0"
