"""Stops a task and its subtasks: kill.py TASK"""
import sys

from connect import client

client.task.kill(int(sys.argv[1]))
print("stopped; its rounds are kept at central's node: resume.py", sys.argv[1])
