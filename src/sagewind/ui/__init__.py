"""What Sagewind adds to Airflow's pages: a link from each SageMaker task to its job, and the job's page."""
