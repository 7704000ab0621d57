"""SageMaker's operations, one file per resource; everything else is derived from the service model."""
