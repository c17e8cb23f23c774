"""`flwr_datasets` answered from what a node has: CSV, Parquet, SQL, folders of images, names that differ, splits by label."""

import json
import re
import shutil
import sqlite3
import sys

import pandas
import pytest
from conftest import DATA, HERE, ROOT, sandbox

sys.path.insert(0, str(ROOT / "Sources/V6Flower/Resources"))

APP = HERE / "sklearn-logreg"
ONE_ROUND = {"num-server-rounds": 1}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Arrays on the CSV tables."""
    folder = tmp_path_factory.mktemp("csv")
    run = sandbox(APP, DATA / "breast-cancer", folder, ONE_ROUND)
    assert run.code == 0 and run.result["failures"] == [], run.text
    return run.result["model"]


@pytest.fixture(scope="module")
def frames():
    return {path.stem: pandas.read_csv(path) for path in sorted((DATA / "breast-cancer").glob("*.csv"))}


def same(run, expected) -> None:
    assert run.code == 0, run.text[-2000:]
    assert run.result["failures"] == [], run.result["failures"]
    assert run.result["model"] == expected


def test_parquet(folder, frames, expected):
    data = folder / "data"
    data.mkdir()
    for name, frame in frames.items():
        frame.to_parquet(data / f"{name}.parquet")
    same(sandbox(APP, data, folder / "output", ONE_ROUND), expected)


def test_an_sql_query(folder, frames, expected):
    data = folder / "data"
    data.mkdir()
    for name, frame in frames.items():
        with sqlite3.connect(data / f"{name}.sqlite") as database:
            frame.to_sql("patients", database, index=False)
        database.close()
    query = {"query": "SELECT * FROM patients ORDER BY rowid"}
    same(sandbox(APP, data, folder / "output", {**ONE_ROUND, **query}), expected)
    run = sandbox(APP, data, folder / "other", ONE_ROUND)
    assert "database 'default' is an SQL database: give the task the query to read it with (the argument query)" in run.text
    run = sandbox(APP, data, folder / "wrong", {**ONE_ROUND, "query": "SELECT nothing FROM nowhere"})
    # pandas 3 has an error of its own for SQLAlchemy's.
    assert re.search(r"database 'default' does not answer the query \((Operational|Database)Error\)", run.text), run.text[-3000:]


# Files that hospitals have, and what is said of those that nobody can read.
FILES = {
    "missing words": ("age,sex,bmi\n81,NA,NULL\n68,,None\n59,m,21.5\n", None),
    "quoted line ends": ("age,report\n" + "".join(f'{i},"{"a long report " * 30}\nsecond line {i}"\n' for i in range(2600)), None),
    "a name twice": ("age,age,crp\n81,23.0,2.16\n68,26.2,9.58\n", None),
    "truth": ("smoker\nTrue\nFalse\n", None),
    "truth with a gap": ("smoker,age\nTrue,1\n,2\nFalse,3\n", None),
    "whole numbers with a gap": ("id,count\n1,5\n2,\n3,7\n", None),
    "numbers of 19 digits": ("code\n9007199254740993\n9223372036854775807\n", None),
    "numbers of 20 digits": ("code\n18446744073709551615\n1\n", None),
    "days and moments": ("day,at\n2024-03-05,2024-03-05T18:30:00Z\n,2023-01-31T00:00:00Z\n", None),
    "decimal commas": ("x;y\n1,5;2,25\n3,5;4,75\n", None),
    "an empty column": ("a,b\n1,\n2,\n", None),
    "Windows line ends and a byte order mark": ("\ufeffa,b\r\n1,x\r\n2,y\r\n", None),
    "blank lines": ("a,b\n1,x\n\n\n2,y\n\n", None),
    "rows that hold nothing": ("a,b\n1,x\n,\n2,y\n,\n", None),
    "separators and quotes in cells": ('a,"b, c"\n"1,5","he said ""no"""\n"2,5",plain\n', None),
    "names in other scripts": ("größe,血圧\n1.5,120\n2.5,130\n", None),
    "exponents and infinity": ("x\n1e-3\n-2.5E+10\ninf\n", None),
    "a name for each row": (",age\nr1,81\nr2,68\n", None),
    "latin-1": ("sex\nf\nm\u00e4nnlich\n".encode("latin-1"), "line 3 is not UTF-8"),
    "a cell too many": ("a,b\n1,2\n3,4,5\n", "line 3 has more or fewer cells than the header"),
    "kinds that change": ("a\n" + "1\n" * 10_000 + "Smith\n" * 10_000, "its rows do not fit together"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_load_dataset_reads_elsewhere(folder, name, capfd):
    import datasets as hub
    from v6_flower_worker import datasets

    content, problem = FILES[name]
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    database = {"label": "default", "type": "csv", "uri": str(path), "min_rows": 1}
    if problem is None:
        own = datasets.read(database, {})
        other = hub.load_dataset("csv", data_files=str(path), split="train", cache_dir=str(folder / "cache"))
        assert own.features == other.features and own.to_dict() == other.to_dict()
        return
    with pytest.raises(datasets.NoSuchData, match=problem) as caught:
        datasets.read(database, {})
    assert "Smith" not in str(caught.value) and "Smith" not in "".join(capfd.readouterr())


def test_names_that_differ(folder, frames, expected):
    data = folder / "data"
    data.mkdir()
    for name, frame in frames.items():
        frame.rename(columns={"diagnosis": "uitslag"}).to_csv(data / f"{name}.csv", index=False)
    same(sandbox(APP, data, folder / "output", {**ONE_ROUND, "column_mapping": {"diagnosis": "uitslag"}}), expected)
    run = sandbox(APP, data, folder / "other", {**ONE_ROUND, "column_mapping": {"diagnosis": "resultaat"}})
    assert "database 'default' has no column 'resultaat', which column_mapping names for 'diagnosis'" in run.text


def test_splits_by_label(folder, frames, expected):
    """A node with databases train and test answers both; the task's argument chooses which stands first."""
    data = folder / "data"
    for name, frame in frames.items():
        (data / name).mkdir(parents=True)
        frame.to_csv(data / name / "train.csv", index=False)
        frame[:10].to_csv(data / name / "test.csv", index=False)
    app = folder / "app"
    shutil.copytree(APP, app)
    task = app / "sklearnexample/task.py"
    task.write_text(task.read_text().replace("    cut = int(", "    assert len(fds.load_split('test')) == 10\n    cut = int("))
    same(sandbox(app, data, folder / "output", ONE_ROUND), expected)


def test_a_serverapp_evaluates_on_centrals_own_data(folder, frames):
    app = folder / "app"
    shutil.copytree(APP, app)
    server, client = app / "sklearnexample/server_app.py", app / "sklearnexample/client_app.py"
    server.write_text(server.read_text().replace(
        "    print(", "    from datasets import load_dataset\n    print(len(load_dataset('scikit-learn/breast-cancer', split='test')), 'rows at central')\n    print("))  # fmt: skip
    run = sandbox(app, DATA / "breast-cancer", folder / "output", ONE_ROUND)
    assert run.code == 0, run.text
    assert f"{len(frames['amsterdam'])} rows at central" in run.text
    client.write_text(client.read_text().replace("    x_train,", "    from datasets import load_dataset\n    load_dataset('mnist')\n    x_train,"))
    run = sandbox(app, DATA / "breast-cancer", folder / "output", ONE_ROUND)
    assert "the app asks the Hugging Face Hub for mnist: at a node, FederatedDataset.load_partition gives the node's own data" in run.text


def test_few_rows_are_kept_from_an_app(folder, frames):
    data = folder / "data"
    data.mkdir()
    for name, frame in frames.items():
        frame[: 5 if name == "utrecht" else None].to_csv(data / f"{name}.csv", index=False)
    run = sandbox(APP, data, folder / "output", ONE_ROUND)
    assert run.code == 0, run.text
    assert {row["organization"] for row in run.result["failures"]} == {3}
    assert "fewer rows than this node's administrator asks for (V6_FLOWER_MIN_ROWS is 10)" in run.result["failures"][0]["reason"]


IMAGES_CLIENT = '''
import numpy as np
from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr_datasets import FederatedDataset

app = ClientApp()


@app.query()
def query(msg: Message, context: Context):
    dataset = FederatedDataset(dataset="ylecun/mnist", partitioners={"train": 10}).load_partition(context.node_config["partition-id"])
    pixels = np.stack([np.asarray(image) for image in dataset["image"]])
    counts = np.bincount(dataset["label"], minlength=10)
    metrics = {"rows": len(dataset), "shape": list(pixels.shape[1:]), "sum": int(pixels.sum()), "labels": counts.tolist()}
    if hasattr(dataset.features["label"], "names"):
        metrics["classes"] = dataset.features["label"].num_classes
    return Message(RecordDict({"images": MetricRecord(metrics)}), reply_to=msg)
'''

IMAGES_SERVER = '''
from flwr.app import Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    replies = grid.send_and_receive([Message(RecordDict(), node, "query") for node in grid.get_node_ids()])
    for number, reply in enumerate(replies):
        context.state[f"node{number}"] = reply.content["images"]
'''


@pytest.mark.parametrize("form", ["folders of classes", "metadata.csv"])
def test_folders_of_images(form, folder):
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    app = folder / "app"
    shutil.copytree(HERE / "federated-analytics", app)
    (app / "federated_analytics/client_app.py").write_text(IMAGES_CLIENT)
    (app / "federated_analytics/server_app.py").write_text(IMAGES_SERVER)
    sums, data = [], folder / "data"
    for node in range(2):
        images, labels = digits.images[node:100:2].astype(np.uint8), digits.target[node:100:2]
        sums.append((int(images.sum()), np.bincount(labels, minlength=10).tolist()))
        place = data / f"hospital{node}"
        rows = ["file_name,label"]
        for number, (image, label) in enumerate(zip(images, labels)):
            name = f"{label}/{number:03d}.png" if form == "folders of classes" else f"{number:03d}.png"
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / name)
            rows.append(f"{name},{label}")
        if form == "metadata.csv":
            (place / "metadata.csv").write_text("\n".join(rows))
    run = sandbox(app, data, folder / "output")
    assert run.code == 0, run.text
    for node, (total, labels) in enumerate(sums):
        found = run.result["state"][f"node{node}"]
        assert (found["rows"], found["sum"], found["shape"], found["labels"]) == (50, total, {"ints": [8, 8]}, {"ints": labels})
        assert found.get("classes") == (10 if form == "folders of classes" else None)
