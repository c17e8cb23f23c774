"""The model's arrays in NumPy."""
import base64
import json

from safetensors.numpy import load

with open("result.json") as file:
    result = json.load(file)
arrays = load(base64.b64decode(result["model"]["safetensors"]))
for name, array in arrays.items():
    print(name, array.shape, array.dtype)
