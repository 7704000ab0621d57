"""The rest of AWS on this machine: S3, IAM, STS, CloudWatch and their like, by somebody else's emulator.

sagelocal speaks SageMaker and nothing else. What a SageMaker account needs besides is served by ministack,
run as a process of its own in an environment of its own (it pins botocore); objects and state are on disk.
"""

from sagelocal.emulator.process import Emulator, EmulatorError, start

__all__ = ["Emulator", "EmulatorError", "start"]
