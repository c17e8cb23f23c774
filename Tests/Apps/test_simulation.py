"""Each app gives in vantage6's shape what it gives in Flower's own simulation engine, and the same bytes each time."""

import csv
import json

import numpy as np
import pytest
from conftest import DATA, HERE, sandbox, simulate


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory):
    """The partitions of quickstart-numpy as tables."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    folder = tmp_path_factory.mktemp("diabetes")
    folder.chmod(0o755)
    for number in range(3):
        with open(folder / f"part{number}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([f"x{i}" for i in range(10)] + ["y"])
            writer.writerows([*map(repr, map(float, row)), repr(float(value))] for row, value in zip(x[number::3], y[number::3]))
    return folder


def predictions(model: np.ndarray) -> np.ndarray:
    """What trees say of all rows."""
    import pandas
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(model.tobytes()))
    assert booster.num_boosted_rounds() == 6
    tables = [pandas.read_csv(path) for path in sorted((DATA / "breast-cancer").glob("*.csv"))]
    return booster.predict(xgboost.DMatrix(pandas.concat(tables).drop(columns="diagnosis")))


# App, its data, its rounds, whether its final arrays are float32.
APPS = [
    ("quickstart-numpy", None, 3, False),
    ("sklearn-logreg", "breast-cancer", 2, False),
    ("pytorch-digits", "digits", 2, True),
    ("xgboost-bagging", "breast-cancer", 2, False),
    ("old-api", "breast-cancer", 2, False),
    ("stateful", "breast-cancer", 3, False),
]


@pytest.mark.parametrize("app, data, rounds, single", APPS, ids=[app[0] for app in APPS])
def test_an_app_gives_what_flowers_simulation_gives(app, data, rounds, single, folder, diabetes):
    tables, config = DATA / data if data else diabetes, {"num-server-rounds": rounds}
    arrays, metrics = simulate(HERE / app, tables, folder / "simulation", config)
    one = sandbox(HERE / app, tables, folder / "one", config)
    assert one.code == 0, one.text
    assert one.result["failures"] == []

    assert list(one.arrays) == list(arrays)
    tolerance = 1e-6 if single else 1e-12
    for name, expected in arrays.items():
        found = one.arrays[name]
        assert found.dtype == expected.dtype
        if expected.dtype == np.uint8:
            # Trees stand in the order of replies, which in a simulation is none.
            assert np.abs(predictions(found) - predictions(expected)).max() <= 1e-6
        else:
            assert found.shape == expected.shape
            scale = max(np.abs(expected).max(), 1e-300)
            assert np.abs(found - expected).max() <= tolerance * scale, name
    compared = 0
    for kind, prefix in (("train", ""), ("evaluate", ""), ("server", "server_")):
        for number, record in metrics.get(kind, {}).items():
            row = next(row for row in one.result["rounds"] if row["round"] == int(number))
            for name, value in record.items():
                if name == "noise":
                    continue
                assert row[prefix + name.replace("-", "_")] == pytest.approx(value, rel=1e-5 if single else 1e-12)
                compared += 1
    assert compared >= rounds

    two = sandbox(HERE / app, tables, folder / "two", config)
    assert two.same() == one.same()


def test_a_loop_of_its_own_with_queries(folder):
    _, metrics = simulate(HERE / "federated-analytics", DATA / "breast-cancer", folder / "simulation")
    one = sandbox(HERE / "federated-analytics", DATA / "breast-cancer", folder / "one")
    assert one.code == 0, one.text
    assert one.result["state"]["totals"] == {
        "rows": metrics["state"]["totals"]["rows"], "again": metrics["state"]["totals"]["again"],
        "counts": {"ints": metrics["state"]["totals"]["counts"]},
    }  # fmt: skip
    left = json.loads((folder / "one/files/histograms.json").read_text())
    assert left["rows"] == left["again"] == 569


def test_a_seed_decides_what_an_app_draws(folder):
    noisy = {"noise-multiplier": 0.01}
    runs = {
        name: sandbox(HERE / "stateful", DATA / "breast-cancer", folder / name, {**noisy, "seed": seed})
        for name, seed in (("one", 1), ("two", 1), ("other", 2))
    }
    assert all(run.code == 0 for run in runs.values()), [run.text for run in runs.values()]
    assert runs["one"].same() == runs["two"].same()
    assert not np.array_equal(runs["one"].arrays["0"], runs["other"].arrays["0"])
    assert runs["one"].rounds("noise") != runs["other"].rounds("noise")


def test_a_serverapp_alone_speaks_to_the_ready_made_clients(folder):
    run = sandbox(HERE / "native-clients", DATA / "breast-cancer", folder / "output")
    assert run.code == 0, run.text
    assert sum(run.result["state"]["rows"]["rows"]["ints"]) == 569


def test_secure_aggregation_by_flowers_own_mod_and_workflow(folder):
    """SecAgg+ takes four messages a round, and each node must remember its keys and shares from one to the next."""
    run = sandbox(HERE / "secure-aggregation", DATA / "diabetes", folder / "output")
    assert run.code == 0, run.text
    assert run.result["failures"] == []
    # Each round moves the mean by (1 + 2 + 3) / 3, to the workflow's own quantisation.
    assert np.abs(run.arrays["0"] - 4).max() < 1e-2
    assert [row["loss"] for row in run.result["rounds"]] == pytest.approx([10, 20], abs=1e-2)
    # Stages of one round differ in what they say; only a run that is resumed could fail to repeat itself.
    assert "does not repeat itself" not in run.text
