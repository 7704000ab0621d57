"""The AWS protocols, driven by botocore's own service model; knows nothing of SageMaker's meaning."""
