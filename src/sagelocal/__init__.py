"""sagelocal: SageMaker in a process. It speaks the SageMaker API and really does the work."""

__version__ = "0.1.0"
