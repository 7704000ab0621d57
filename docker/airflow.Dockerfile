# Airflow with Sagewind: what runs the DAGs. Build from the repository's root.
ARG AIRFLOW_VERSION=3.3.2
FROM apache/airflow:${AIRFLOW_VERSION}

# The exact versions that the tests run with. The base image has the Celery, Redis and PostgreSQL providers.
COPY --chown=airflow:0 requirements/main.txt /tmp/requirements.txt
RUN uv pip install --no-cache --require-hashes -r /tmp/requirements.txt

COPY --chown=airflow:0 pyproject.toml README.md LICENSE /tmp/sagewind/
COPY --chown=airflow:0 src /tmp/sagewind/src
RUN uv pip install --no-cache --no-deps /tmp/sagewind

# The volume of the login's password belongs to whom the folder does.
RUN mkdir /opt/airflow/auth
