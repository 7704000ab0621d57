"""What Sagewind adds to Airflow's pages: the Models page, and from each SageMaker task a link to its job."""
