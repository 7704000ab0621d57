"""Refresh `src/sagewind/data/images.json` from the tables that the SageMaker SDK itself ships.

The SDK cannot be a dependency (importing it takes seconds), but its image tables are plain JSON files in
`sagemaker-core`. This installs that package alone into a temporary folder, copies what Sagewind needs of the
table, and adds each region's DNS suffix from botocore. Run it by `make images`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import botocore.session
import uv

PACKAGE = "sagemaker-core==2.27.0"
TABLES = {"scikit-learn": "sklearn.json", "xgboost": "xgboost.json"}
TARGET = Path(__file__).parents[1] / "src" / "sagewind" / "data" / "images.json"


def main() -> None:
    """Write the table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--target", folder, PACKAGE]
        subprocess.run(command, check=True)
        tables = Path(folder) / "sagemaker" / "core" / "image_uri_config"
        images = {
            name: frameworks(json.loads((tables / file).read_text("utf-8"))) for name, file in TABLES.items()
        }
    regions = sorted({r for versions in images.values() for v in versions.values() for r in v["registries"]})
    session = botocore.session.Session()
    suffixes = {region: suffix(session, region) for region in regions}
    table = {"source": f"{PACKAGE}, sagemaker/core/image_uri_config", "images": images, "suffixes": suffixes}
    TARGET.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", "utf-8")


def frameworks(table: dict[str, Any]) -> dict[str, Any]:
    """Keep of each version the repository, the tag's parts and the registries."""
    return {
        version: {
            "repository": row["repository"],
            "pythons": row.get("py_versions", []),
            "processors": row.get("processors", []),
            "registries": row["registries"],
        }
        for version, row in table["training"]["versions"].items()
    }


def suffix(session: botocore.session.Session, region: str) -> str:
    """Return the DNS suffix of a region's registry, such as amazonaws.com."""
    partition = session.get_partition_for_region(region)
    data = session.get_component("endpoint_resolver").get_partition_dns_suffix(partition)
    return str(data)


if __name__ == "__main__":
    main()
