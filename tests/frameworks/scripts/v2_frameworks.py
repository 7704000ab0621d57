"""SDK v2: PyTorch and TensorFlow estimators with their endpoints, and a PySpark processor."""

from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.pytorch import PyTorch
from sagemaker.spark.processing import PySparkProcessor
from sagemaker.tensorflow import TensorFlow

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
machine = {"role": role, "instance_type": "ml.m5.large", "instance_count": 1}
place = {"instance_type": "ml.m5.large", "initial_instance_count": 1}

torch = PyTorch(
    entry_point="train.py",
    source_dir="torch",
    framework_version="2.6",
    py_version="py312",
    hyperparameters={"epochs": 400},
    **machine,
)
torch.fit(logs=False)
predictor = torch.deploy(**place)
answer = predictor.predict(np.array([[1, 1], [0, 2]], dtype=np.float32))
print("torch", torch.training_image_uri(), answer.tolist())
assert np.round(answer, 1).tolist() == [[6.0], [7.0]]
predictor.delete_endpoint()

tensorflow = TensorFlow(
    entry_point="train.py",
    source_dir="tensorflow",
    framework_version="2.18",
    py_version="py310",
    model_dir=False,
    **machine,
)
tensorflow.fit(logs=False)
predictor = tensorflow.deploy(**place)
answer = predictor.predict([[1, 1], [0, 2]])
print("tensorflow", tensorflow.training_image_uri(), answer)
assert answer == {"predictions": [[6.0], [7.0]]}
predictor.delete_endpoint()

Path("rows-n.csv").write_text("species,n\na,1\nb,2\na,3\n")
data = session.upload_data("rows-n.csv", bucket, "spark/in")
spark = PySparkProcessor(base_job_name="spark", framework_version="3.5", **machine)
spark.run(
    submit_app="spark/app.py",
    submit_py_files=["spark/helper.py"],
    arguments=["/opt/ml/processing/input/data/rows-n.csv", "/opt/ml/processing/output/totals"],
    inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input/data")],
    outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/output")],
    configuration=[{"Classification": "spark-defaults", "Properties": {"spark.test.colour": "green"}}],
    spark_event_logs_s3_uri=f"s3://{bucket}/spark/events",
    logs=False,
)
output = next(o for o in spark.latest_job.outputs if o.output_name == "out")
paths = session.download_data("spark-out", bucket, output.destination.split("/", 3)[3])
(part,) = [path for path in paths if Path(path).name.startswith("part-")]
rows = sorted(Path(part).read_text().split())
print("spark", spark.image_uri, rows)
assert rows == ["a,4", "b,2", "species,total"]
