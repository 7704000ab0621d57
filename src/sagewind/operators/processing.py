"""Processing jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators import sagemaker as provider
from botocore.exceptions import ClientError

from sagewind.jobs import kinds
from sagewind.operators.job import JobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

_KEYS = frozenset({"result_name", "output_name", "file_name"})


class SageMakerProcessingOperator(JobOperator, provider.SageMakerProcessingOperator):
    """Runs a processing job: the provider's operator, with `JobOperator`'s arguments beside its own.

    Returns `{"Processing": <DescribeProcessingJob>, "Summary": {…}, "OutputFiles": {…}}`.

    :param output_files_to_xcom: JSON files to read from the job's outputs: `{"output_name", "file_name",
        "result_name"}` each. The provider's operator has it too, but not in MWAA's image of Airflow 3.2.1.
    """

    kind: ClassVar[kinds.Kind] = kinds.PROCESSING
    template_fields: Sequence[str] = tuple(
        dict.fromkeys((*provider.SageMakerProcessingOperator.template_fields, "output_files_to_xcom"))
    )

    def __init__(
        self, *, output_files_to_xcom: Sequence[Mapping[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.output_files_to_xcom = output_files_to_xcom

    def execute(self, context: Context) -> Any:
        """Run the job; see `JobOperator.execute`."""
        if self.output_files_to_xcom and not self.wait_for_completion:
            raise ValueError(
                "output_files_to_xcom requires wait_for_completion=True. "
                "Output files cannot be read before the job completes."
            )
        return super().execute(context)

    def _result(self, description: Mapping[str, Any], summary: Mapping[str, Any]) -> Any:
        result = super()._result(description, summary)
        self.serialized_job = result["Processing"]
        return {**result, **self._read_output_files()}

    def _read_output_files(self) -> dict[str, Any]:
        """Read the JSON files that are wanted in XCom; one that cannot be read says so in its place."""
        found: dict[str, Any] = {}
        outputs = self.config.get("ProcessingOutputConfig", {}).get("Outputs", [])
        for wanted in self.output_files_to_xcom or ():
            missing = _KEYS - wanted.keys()
            if missing:
                raise ValueError(f"output_files_to_xcom entry missing required keys: {missing}.")
            uri = next(
                (o["S3Output"]["S3Uri"] for o in outputs if o["OutputName"] == wanted["output_name"]), None
            )
            if uri is None:
                self.log.warning("no output is named %r", wanted["output_name"])
                continue
            found[wanted["result_name"]] = self._read_json(f"{uri.rstrip('/')}/{wanted['file_name']}")
        return {"OutputFiles": found} if found else {}

    def _read_json(self, uri: str) -> Any:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            return json.loads(self.hook.s3_hook.conn.get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            absent = error.response["Error"]["Code"] == "NoSuchKey"
            self.log.warning("%s: %s", uri, error)
            return {"_error": f"File not found: {uri}" if absent else f"Failed to read from {uri}"}
        except ValueError as error:
            self.log.warning("%s is no JSON: %s", uri, error)
            return {"_error": f"Invalid JSON at {uri}"}
