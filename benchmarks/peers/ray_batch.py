"""Ray Data: `ray_batch.py MODEL TABLE OUTPUT`: as its pages on batch inference show it, rows in order."""

import sys

import joblib
import numpy as np
import ray
from pyarrow import csv

path, table, output = sys.argv[1:]
model = joblib.load(path)


def predict(batch):
    return {"label": model.predict(np.column_stack(list(batch.values())))}


ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
context = ray.data.DataContext.get_current()
context.execution_options.preserve_order = True
context.enable_progress_bars = False
names = csv.ReadOptions(column_names=["a", "b", "c", "d"])
rows = ray.data.read_csv(table, read_options=names).map_batches(predict, batch_format="numpy")
parts = rows.iter_batches(batch_size=None, batch_format="numpy")
with open(output, "w") as file:
    file.writelines("\n".join(map(str, part["label"].tolist())) + "\n" for part in parts)
ray.shutdown()
