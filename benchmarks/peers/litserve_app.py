"""LitServe: `litserve_app.py PORT MODEL [batch]`."""

import sys

import joblib
import litserve
import numpy as np


class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(sys.argv[2])

    def decode_request(self, request):
        return np.array(request["rows"], dtype=np.float32)

    def predict(self, rows):
        if isinstance(rows, list):
            sizes = np.cumsum([len(each) for each in rows])[:-1]
            return np.split(self.model.predict(np.concatenate(rows)), sizes)
        return self.model.predict(rows)

    def batch(self, inputs):
        return inputs

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return output.tolist()


if __name__ == "__main__":
    batched = len(sys.argv) > 3
    api = Api(max_batch_size=32, batch_timeout=0.002) if batched else Api()
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error")
