import argparse
import json
import os
from pathlib import Path

import pandas as pd

try:
    from helper import installed
except ImportError:
    installed = None

parser = argparse.ArgumentParser()
parser.add_argument("--by")
column = parser.parse_args().by
table = pd.read_csv("/opt/ml/processing/input/data/iris.csv")
counted = {
    "rows": {str(key): int(rows) for key, rows in table[column].value_counts().items()},
    "greeting": os.environ.get("GREETING"),
    "helper": bool(installed and installed()),
}
Path("/opt/ml/processing/out/count.json").write_text(json.dumps(counted))
