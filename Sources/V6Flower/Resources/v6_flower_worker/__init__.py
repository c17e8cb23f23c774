"""The Python side of v6-flower: runs one component of a Flower app for the program that started it.

Started as `python -m v6_flower_worker serverapp|clientapp|describe APPDIR`. It speaks frames on its first two descriptors
(`frames.py`); what the app prints goes to standard error. No line of flwr or of the app is edited: `patches.py` names each place
where the running flwr is told something else.
"""
