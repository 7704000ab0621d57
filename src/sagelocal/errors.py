"""Errors that a client sees, in AWS's own shapes: the class carries the code, the instance the message.

One funnel (`gateway`) turns them into an answer; nothing below it knows of HTTP beyond the status code
that AWS itself ties to an error (botocore's service model, `error.httpStatusCode`).
"""


class ServiceError(Exception):
    """An error that the AWS protocol can carry.

    `code` is the error's shape name as AWS spells it; `status` its HTTP status code.
    """

    code = "InternalFailure"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ValidationException(ServiceError):  # noqa: N818  (AWS's own name)
    """The request breaks a rule. SageMaker also says this for a resource that does not exist on Describe."""

    code = "ValidationException"
    status = 400


class ResourceNotFound(ServiceError):  # noqa: N818  (AWS's own name)
    """The resource does not exist (the operations whose model declares it)."""

    code = "ResourceNotFound"
    status = 400


class ResourceInUse(ServiceError):  # noqa: N818  (AWS's own name)
    """A resource of that name exists already, or something still uses it."""

    code = "ResourceInUse"
    status = 400


class ResourceLimitExceeded(ServiceError):  # noqa: N818  (AWS's own name)
    """A quota of the account is used up."""

    code = "ResourceLimitExceeded"
    status = 400


class ConflictException(ServiceError):  # noqa: N818  (AWS's own name)
    """The resource's state does not allow this now."""

    code = "ConflictException"
    status = 409


class AccessDeniedException(ServiceError):  # noqa: N818  (AWS's own name)
    """The caller may not do this."""

    code = "AccessDeniedException"
    status = 403


class MissingAuthenticationToken(ServiceError):  # noqa: N818  (AWS's own name)
    """The request is not signed."""

    code = "MissingAuthenticationTokenException"
    status = 403


class UnknownOperationException(ServiceError):  # noqa: N818  (AWS's own name)
    """No such operation in the service's model."""

    code = "UnknownOperationException"
    status = 404


class ThrottlingException(ServiceError):  # noqa: N818  (AWS's own name)
    """Too many requests."""

    code = "ThrottlingException"
    status = 400


class NotSupported(ValidationException):  # noqa: N818
    """A request that is valid on AWS and cannot be carried out truthfully on one machine.

    It is a `ValidationException` on the wire, since clients know no other; the message starts with
    "sagelocal cannot" and gives the reason and, where there is one, the nearest thing that works.
    """
