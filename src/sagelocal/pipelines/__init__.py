"""SageMaker Pipelines: definitions, property references and the execution of their steps."""
