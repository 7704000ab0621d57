"""Airflow operators for SageMaker: the Amazon provider's names and arguments, mended (`sagewind.operators.sagemaker`)."""
