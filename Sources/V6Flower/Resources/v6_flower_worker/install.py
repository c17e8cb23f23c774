"""Installs what an app needs, as its pyproject.toml says, into the image that it is put into.

Flower's simulation engine, which apps ask for beside flwr, has no work at a node and is left out.
"""

import re
import subprocess
import sys

from .project import NotAnApp, describe


def requirements(folder: str) -> "list[str]":
    """The app's dependencies for pip."""
    return [re.sub(r"^flwr\s*\[[^\]]*\]", "flwr", entry, flags=re.IGNORECASE) for entry in describe(folder)["dependencies"]]


if __name__ == "__main__":
    try:
        wanted = requirements(sys.argv[1])
    except NotAnApp as problem:
        sys.exit(str(problem))
    if wanted:
        sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", "--no-cache-dir", *wanted]).returncode)
