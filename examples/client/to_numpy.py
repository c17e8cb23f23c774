"""The model's arrays in NumPy, and as a file of NumPy's."""
import base64
import json

import numpy as np
from safetensors.numpy import load

with open("result.json") as file:
    result = json.load(file)
arrays = load(base64.b64decode(result["model"]["safetensors"]))
np.savez("model.npz", **arrays)
for name, array in arrays.items():
    print(name, array.shape, array.dtype)
