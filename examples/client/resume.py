"""Goes on with a task that was stopped: resume.py TASK"""
import json
import sys

from connect import start
from train import ROUNDS, wait

result = wait(start(resume=int(sys.argv[1])), ROUNDS)
print(result["metrics"])
with open("result.json", "w") as file:
    json.dump(result, file)
