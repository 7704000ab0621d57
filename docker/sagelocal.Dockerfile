# sagelocal and the AWS emulator: one image, two commands. Build from the repository's root.
FROM python:3.12-slim-bookworm

# bubblewrap gives each job its private /opt/ml; curl is for the health checks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap curl \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir uv \
    && useradd --create-home --uid 50000 sagelocal \
    && mkdir /data \
    && chown sagelocal /data

COPY requirements/main.txt /tmp/requirements.txt
RUN uv pip install --system --no-cache --require-hashes -r /tmp/requirements.txt

COPY pyproject.toml README.md LICENSE /tmp/sagewind/
COPY src /tmp/sagewind/src
RUN uv pip install --system --no-cache --no-deps /tmp/sagewind

USER sagelocal
VOLUME /data
