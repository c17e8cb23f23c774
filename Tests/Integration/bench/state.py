"""Where a bench's process keeps what vantage6 writes: BENCH_FOLDER, which must be known before vantage6 is imported."""
import os
import pathlib

FOLDER = pathlib.Path(os.environ["BENCH_FOLDER"])
# vantage6 takes its folders from these.
for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
    os.environ[variable] = str(FOLDER / "xdg" / variable.lower())
