"""An image that behaves until it is asked to train: misbehave.py PROGRAM HOW."""
import base64
import ctypes
import os
import pathlib
import sys
import time

program, how = sys.argv[1:]


def path(name):
    return base64.b32decode(os.environ[name].replace("!", "=")).decode()


with open(path("INPUT_FILE"), "rb") as file:
    if b'"message_type":"train"' not in file.read():
        os.execv(program, [program])

if how == "exits":
    print("out of patience", flush=True)
    sys.exit(3)
if how == "is killed":
    # By the kernel: a pod's first process ignores what it sends itself.
    ctypes.string_at(0)
if how == "answers rubbish":
    with open(path("OUTPUT_FILE"), "w") as file:
        file.write("rubbish")
if how == "is slow":
    time.sleep(90)
if how == "hangs once":
    mark = pathlib.Path(path("SESSION_FOLDER"), "hung")
    if mark.exists():
        os.execv(program, [program])
    mark.touch()
    time.sleep(600)
if how == "speaks another version":
    with open(path("OUTPUT_FILE"), "w") as file:
        file.write('{"format": 2, "replies": [], "blobs": {}}')
# "says nothing" ends here, and well.
