"""The Models page: every model that has a spec, as AWS and Airflow know it now, and a page for each."""
