"""Errors that a client sees, in AWS's own shapes: the class carries the code, the instance the message.

One funnel (`gateway`) turns them into an answer; nothing below it knows of HTTP beyond the status code
that AWS itself ties to an error (botocore's service model, `error.httpStatusCode`).
"""


class ServiceError(Exception):
    """An error that the AWS protocol can carry.

    `code` is the error's shape name as AWS spells it; `status` its HTTP status code; `details` are the other
    members of that shape, when it has more than a message.
    """

    code = "InternalFailure"
    status = 500

    def __init__(self, message: str, **details: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class ValidationException(ServiceError):  # noqa: N818  (AWS's own name)
    """The request breaks a rule. SageMaker also says this for a resource that does not exist on Describe."""

    code = "ValidationException"
    status = 400


class ResourceNotFound(ServiceError):  # noqa: N818  (AWS's own name)
    """The resource does not exist (the operations whose model declares it)."""

    code = "ResourceNotFound"
    status = 400


class ObjectNotFoundException(ServiceError):  # noqa: N818  (AWS's own name)
    """The resource does not exist (Application Auto Scaling)."""

    code = "ObjectNotFoundException"
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


class IncompleteSignature(ServiceError):  # noqa: N818  (AWS's own name)
    """The signature lacks something."""

    code = "IncompleteSignature"
    status = 400


class InvalidClientTokenId(ServiceError):  # noqa: N818  (AWS's own name)
    """The access key is not known."""

    code = "InvalidClientTokenId"
    status = 403


class SignatureDoesNotMatch(ServiceError):  # noqa: N818  (AWS's own name)
    """The signature was not made with the access key's secret, or not of this request."""

    code = "SignatureDoesNotMatch"
    status = 403


class SerializationException(ServiceError):  # noqa: N818  (AWS's own name)
    """The request is not JSON, or a value in it is of another type than the model's."""

    code = "SerializationException"
    status = 400


class RequestTooLarge(ServiceError):  # noqa: N818  (AWS's own name)
    """The request's body is longer than the service takes."""

    code = "RequestEntityTooLargeException"
    status = 413


class HeadersTooLarge(ServiceError):  # noqa: N818  (named as HTTP names it)
    """The request's headers are longer than the service takes."""

    code = "RequestHeaderFieldsTooLargeException"
    status = 431


class UnknownOperationException(ServiceError):  # noqa: N818  (AWS's own name)
    """No such operation in the service's model."""

    code = "UnknownOperationException"
    status = 404


class ThrottlingException(ServiceError):  # noqa: N818  (AWS's own name)
    """Too many requests."""

    code = "ThrottlingException"
    status = 400


class NotSupported(ValidationException):
    """A request that is valid on AWS and cannot be carried out truthfully on one machine.

    It is a `ValidationException` on the wire, since clients know no other; the message starts with
    "sagelocal cannot" and gives the reason and, where there is one, the nearest thing that works.
    """


class RuntimeValidationError(ServiceError):
    """A `ValidationException` as sagemaker-runtime spells it."""

    code = "ValidationError"
    status = 400


class ModelError(ServiceError):
    """The model's container answered with an error.

    `details` are `OriginalStatusCode`, `OriginalMessage` and `LogStreamArn`.
    """

    code = "ModelError"
    status = 424


class ModelNotReadyException(ServiceError):  # noqa: N818  (AWS's own name)
    """The model behind a serverless or multi-model endpoint is still being loaded."""

    code = "ModelNotReadyException"
    status = 429


class ServiceUnavailable(ServiceError):  # noqa: N818  (AWS's own name)
    """The service cannot take the request now."""

    code = "ServiceUnavailable"
    status = 503
