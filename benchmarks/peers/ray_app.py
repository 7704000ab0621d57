"""Ray Serve: `ray_app.py PORT MODEL`."""

import signal
import sys

import joblib
import numpy as np
import ray
from ray import serve


@serve.deployment
class Model:
    def __init__(self, path):
        self.model = joblib.load(path)

    async def __call__(self, request):
        rows = np.array(await request.json(), dtype=np.float32)
        return self.model.predict(rows).tolist()


ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
serve.run(Model.bind(sys.argv[2]), route_prefix="/")
signal.sigwait({signal.SIGTERM, signal.SIGINT})
serve.shutdown()
ray.shutdown()
