"""Trains a logistic regression and saves the result: train.py"""
import json
import time

from connect import client, run, start
from tqdm import tqdm

ROUNDS = 5


def wait(task, rounds):
    """Waits for the task with a progress bar; gives the result."""
    with tqdm(total=rounds, unit="round") as bar:
        while not (found := run(task))["finished_at"]:
            bar.update((found["log"] or "").count(" trained: ") - bar.n)
            time.sleep(1)
        bar.update(rounds - bar.n)
    if found["status"] != "completed":
        raise SystemExit(f"task {task} is {found['status']}: {(found['log'] or '').strip()[-500:]}")
    return json.loads(client.result.from_task(task)["data"][0]["result"])


if __name__ == "__main__":
    task = start(model="logistic", target="diagnosis", num_rounds=ROUNDS)
    print("task", task, flush=True)
    result = wait(task, ROUNDS)
    print(result["metrics"])
    with open("result.json", "w") as file:
        json.dump(result, file)
