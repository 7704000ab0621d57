"""The second worked model's table is what its generator makes, and passes the gate for its schema."""

import csv
import io
import runpy
from pathlib import Path

from sagewind import columns, quality

ROOT = Path(__file__).parents[2]
DATA = ROOT / "dags" / "data" / "diabetes.csv"


def test_the_table_in_the_tree_is_the_generated_one():
    rows = runpy.run_path(str(ROOT / "tools" / "diabetes_data.py"))["rows"]()
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(rows)
    assert made.getvalue() == DATA.read_text()


def test_the_table_passes_its_gate_with_the_missing_values_it_says():
    number = {"type": "number", "minimum": 0}
    holes = {name: number | {"max_null_fraction": 0.1} for name in ("bmi", "bp", "s6")}
    schema = columns.schema(
        {
            "columns": {
                "id": {"pattern": r"p\d{4}", "unique": True},
                "sex": {"one_of": [1, 2]},
                **dict.fromkeys(("age", "s1", "s2", "s3", "s4", "s5", "progression"), number),
                **holes,
            },
            "target": "progression",
            "min_rows": 400,
            "allow_extra": False,
        }
    )
    with DATA.open("rb") as stream:
        found = quality.check_csv(stream, schema, file=DATA.name)
    found.require()
    assert found.rows == 442
    assert {name: found.nulls[name] for name in holes} == {"bmi": 8, "bp": 17, "s6": 36}
