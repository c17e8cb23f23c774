"""The weights as a state dict of PyTorch. They are those of standardised columns: model["preprocessing"] has means and deviations."""
import base64
import json

import torch
from safetensors.torch import load

with open("result.json") as file:
    model = json.load(file)["model"]
state = load(base64.b64decode(model["safetensors"]))
layer = torch.nn.Linear(len(model["features"]), 1)
layer.load_state_dict(state)
torch.save(layer.state_dict(), "model.pt")
print(layer, "saved as model.pt")
