"""A DynamoDB table to S3 by the provider's own transfer, which then says where it put the items."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.transfers.dynamodb_to_s3 import DynamoDBToS3Operator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DynamoDBExportOperator(DynamoDBToS3Operator):
    """Exports a table, and returns the prefix `s3://bucket/key` of what it wrote.

    The provider's operator returns nothing, and takes no template for `export_time`: rendered, it is a text.
    Here it is an ISO 8601 time; empty means now. The prefix must be of one attempt alone (`name(ti)`): a
    scan that died has left some of the items.
    """

    def execute(self, context: Context) -> str:
        """Export the table.

        Raises:
            botocore.exceptions.ClientError: there is no such table, or it has no point-in-time recovery.
            botocore.exceptions.WaiterError: the export failed, or took too long.

        """
        given: Any = self.export_time
        self.export_time: dt.datetime | None = dt.datetime.fromisoformat(given) if given else None
        super().execute(context)
        return f"s3://{self.s3_bucket_name}/{self.s3_key_prefix}"
