"""Airflow operators for SageMaker with the Amazon provider's names and arguments (`operators.sagemaker`)."""
