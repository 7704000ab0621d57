"""Decisions about SageMaker jobs, mostly as pure functions.

What to call a job, whether to attach to one that exists, what a failure means, where a log was read up to.
The operators act on them; nothing here knows Airflow, and boto3's clients come in from outside.
"""
