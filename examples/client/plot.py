"""Plots the loss of all and of each organization: plot.py"""
import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

with open("result.json") as file:
    result = json.load(file)
for participant in result["participants"]:
    curve = participant["curves"]["loss"]
    plt.plot([int(number) for number in curve], list(curve.values()), alpha=0.5, label=participant["name"])
plt.plot([row["round"] for row in result["rounds"]], [row["loss"] for row in result["rounds"]], color="black", label="all")
plt.xlabel("round")
plt.ylabel("loss on held-out rows")
plt.legend()
plt.savefig("curves.png")
print("saved curves.png")
