"""The whole of it on this machine: PostgreSQL, the AWS emulator, sagelocal and Airflow, supervised.

A table of programs (`programs`) becomes a supervisord configuration (`supervision`); `launch` starts it in a
home folder, waits until everything is healthy and stops all that it started. Nothing here imports Airflow or
sagelocal: they are processes.
"""
