"""`flwr_datasets.FederatedDataset`, answered from the node's own data.

An app written for simulation asks for its partition of a public data set. At a hospital's node that is the hospital's table: each
partition is the whole of it, whatever its number. The rest of flwr_datasets (partitioners, preprocessors, `datasets`) stays.
"""

import contextlib
import os
import re
import tempfile

from . import hooks

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


class NoSuchData(RuntimeError):
    """A call that cannot be answered from the node's data, in one sentence."""


def answer_from(databases: "list[dict]", columns: "dict[str, str]", component: str) -> None:
    """Once the app imports flwr_datasets, its FederatedDataset reads `databases` (label, uri, type, query) instead of the Hub;
    `columns` gives the node's column for a name that the app uses."""

    def patch(module) -> None:
        original = module.FederatedDataset

        class FederatedDataset(original):
            __doc__ = original.__doc__

            def load_partition(self, partition_id: int, split: "str | None" = None):
                self._prepare_dataset()
                if split is None:
                    self._check_if_no_split_keyword_possible()
                    split = next(iter(self._partitioners))
                return self._rows(split, component != "ServerApp")

            def load_split(self, split: str):
                self._prepare_dataset()
                if component != "ServerApp" and split not in _labels(databases):
                    raise NoSuchData(
                        f"the app asks for the whole split '{split}' of {self._dataset_name}, which no organization has: "
                        f"load_partition gives this node's rows, and a database labelled '{split}' would be that split"
                    )
                return self._rows(split, False)

            @property
            def partitioners(self):
                self._prepare_dataset()
                for name, partitioner in self._partitioners.items():
                    if not partitioner.is_dataset_assigned():
                        partitioner.dataset = self._rows(name, True)
                return self._partitioners

            def _rows(self, split: str, own: bool):
                if split in self._dataset:
                    return self._dataset[split]
                place, found = "node" if own else "ServerApp", ", ".join(self._dataset) or "no data"
                raise NoSuchData(
                    f"the app asks for the split '{split}' and this {place} has {found}: start the task with a database labelled '{split}'"
                )

            def _prepare_dataset(self) -> None:
                if self._dataset_prepared:
                    return
                if not databases:
                    raise _no_database(component, self._dataset_name)
                from datasets import DatasetDict

                wanted = _splits(self._partitioners, databases, component)
                self._dataset = DatasetDict({split: read(database, columns) for split, database in wanted.items()})
                if self._preprocessor:
                    self._dataset = self._preprocessor(self._dataset)
                self._dataset_prepared = True

        FederatedDataset.__name__ = FederatedDataset.__qualname__ = "FederatedDataset"
        FederatedDataset.__module__ = original.__module__
        module.FederatedDataset = FederatedDataset

    hooks.after_import("flwr_datasets.federated_dataset", patch)
    hooks.after_import("datasets", lambda module: _patch_load(module, databases, columns, component))


# The builders of files that an app brings along.
_BUILDERS = {"csv", "json", "parquet", "arrow", "text", "xml", "sql", "imagefolder", "audiofolder", "videofolder", "webdataset"}


def _patch_load(module, databases: "list[dict]", columns: "dict[str, str]", component: str) -> None:
    """`datasets.load_dataset` of a name on the Hub, which a ServerApp evaluates its model on: central's own data."""
    original = module.load_dataset

    def load_dataset(path, *arguments, **options):
        if path in _BUILDERS or os.path.exists(path) or options.get("data_files") or options.get("data_dir"):
            return original(path, *arguments, **options)
        if component != "ServerApp":
            raise NoSuchData(
                f"the app asks the Hugging Face Hub for {path}: at a node, FederatedDataset.load_partition gives the node's own data"
            )
        if not databases:
            raise _no_database(component, path)
        splits = {name: read(database, columns) for name, database in _splits({}, databases, component).items()}
        split = options.get("split")
        if split is None:
            return module.DatasetDict(splits)
        if split not in splits:
            raise NoSuchData(
                f"the {component} asks for the split '{split}' of {path} and has {', '.join(splits)}: "
                f"start the task with a database labelled '{split}'"
            )
        return splits[split]

    module.load_dataset = module.load.load_dataset = load_dataset


def _no_database(component: str, name: str) -> NoSuchData:
    return NoSuchData(f"the {component} asks for {name} and the task has no database here: name one when the task is started")


def _labels(databases: "list[dict]") -> "list[str]":
    return [database["label"] for database in databases]


def _splits(partitioners: dict, databases: "list[dict]", component: str) -> "dict[str, dict]":
    """Which database is which split: the one of its name; the first one, where none has the name, is the split that the app
    partitions (at a ClientApp) or 'test' (at the ServerApp)."""
    splits = {database["label"]: database for database in databases}
    first = next(iter(partitioners), "train") if component == "ClientApp" else "test"
    splits.setdefault(first, databases[0])
    return splits


def read(database: dict, columns: "dict[str, str]"):
    """A database as Hugging Face's Dataset, its columns under the app's names."""
    kind, place = database["type"], f"database '{database['label']}'"
    if os.path.isdir(database["uri"]):
        dataset = _folder(database["uri"], place)
    elif kind == "sql":
        from . import sql

        dataset = sql.read(database, place)
    elif kind in ("csv", "parquet"):
        dataset = _table(database["uri"], kind, place)
    else:
        raise NoSuchData(f"{place} has the type {kind}: here csv, parquet, sql and folders of images are read; open it by its path instead")
    for name, column in columns.items():
        if column not in dataset.column_names:
            raise NoSuchData(
                f"{place} has no column '{column}', which column_mapping names for '{name}'; it has {', '.join(dataset.column_names)}"
            )
        if name != column:
            dataset = dataset.rename_column(column, name)
    if dataset.num_rows < database["min_rows"]:
        raise NoSuchData(f"{place} has fewer rows than this node's administrator asks for (V6_FLOWER_MIN_ROWS is {database['min_rows']})")
    return dataset


def _table(path: str, kind: str, place: str):
    """A file as `datasets.load_dataset` has it elsewhere: values, nulls and types are those of the installed version."""
    from datasets import load_dataset

    # Only as long as it takes: what it leaves there are rows.
    with tempfile.TemporaryDirectory() as cache, _silence():
        try:
            return load_dataset(kind, data_files=path, split="train", cache_dir=cache, keep_in_memory=True)
        except Exception as error:
            problem = _problem(error, path, kind)
    raise NoSuchData(f"{place} cannot be read as {kind}: {problem}")


@contextlib.contextmanager
def _silence():
    """Without `datasets`' own log, which shows cells that it cannot read."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

    verbosity, without_bars = logging.get_verbosity(), are_progress_bars_disabled()
    logging.set_verbosity(logging.CRITICAL)
    disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if not without_bars:
            enable_progress_bars()


def _problem(error: "BaseException | None", path: str, kind: str) -> str:
    """What is wrong with a file, with its line where there is one, and without the cells that a reader shows: rows stay at the
    node, and out of its log."""
    causes = []
    while error is not None and len(causes) < 8:
        causes.append(error)
        error = error.__cause__ or error.__context__
    for cause in causes:
        if isinstance(cause, UnicodeDecodeError):
            return f"line {_first_undecodable(path)} is not UTF-8"
        line = re.search(r"in line (\d+)", str(cause))
        if kind == "csv" and line:
            return f"line {line[1]} has more or fewer cells than the header"
    names = ", ".join(dict.fromkeys(type(cause).__name__ for cause in causes))
    return f"its rows do not fit together ({names})"


def _first_undecodable(path: str) -> int:
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _folder(path: str, place: str):
    """A folder of images: with a metadata.csv (file_name and other columns), or with a folder for each class."""
    from datasets import ClassLabel, Dataset, Image

    metadata = os.path.join(path, "metadata.csv")
    if os.path.exists(metadata):
        table = _table(metadata, "csv", place)
        if "file_name" not in table.column_names:
            raise NoSuchData(f"{place}: metadata.csv has no column file_name")
        images = [os.path.join(path, name) for name in table["file_name"]]
        return table.remove_columns("file_name").add_column("image", images).cast_column("image", Image())
    classes = sorted(name for name in os.listdir(path) if os.path.isdir(os.path.join(path, name)))
    images, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted(os.listdir(os.path.join(path, name))):
            if file.lower().endswith(_IMAGES):
                images.append(os.path.join(path, name, file))
                labels.append(label)
    if not images:
        raise NoSuchData(
            f"{place} is a folder without images: it needs a folder for each class, or a metadata.csv with the column file_name"
        )
    dataset = Dataset.from_dict({"image": images, "label": labels}).cast_column("image", Image())
    return dataset.cast_column("label", ClassLabel(names=classes))
