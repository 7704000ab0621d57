"""What a model's tasks do around SageMaker's jobs: plain functions over AWS clients, without Airflow."""
