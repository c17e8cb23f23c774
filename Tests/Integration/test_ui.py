"""The UI: what its forms send is accepted, and what it reads it can draw."""
import json

import pytest
from bench import ui
from conftest import ROOT

pytestmark = pytest.mark.generation(4)
DESCRIPTION = json.loads((ROOT / "algorithm.json").read_text())
MODELS = json.loads((ROOT / "Tests/Integration/ui-4.14.0.json").read_text())
ALGORITHM, VISUALIZATION = MODELS["models/api/algorithm.model.ts"], MODELS["models/api/visualization.model.ts"]
CENTRAL = DESCRIPTION["functions"][0]


def fits(value, model):
    assert set(model["required"]) <= set(value) <= set(model["required"]) | set(model["optional"]), value


def test_algorithm_json_has_the_fields_of_the_uis_models_and_no_others():
    fits(DESCRIPTION, ALGORITHM["AlgorithmForm"])
    assert DESCRIPTION["partitioning"] in ALGORITHM["PartitioningType"]
    for function in DESCRIPTION["functions"]:
        fits(function, ALGORITHM["FunctionForm"])
        assert function["type"] in ALGORITHM["FunctionType"]
        for database in function["databases"]:
            fits(database, ALGORITHM["NameDescription"])
        for argument in function["arguments"]:
            fits(argument, ALGORITHM["ArgumentForm"])
            assert argument["type"] in ALGORITHM["ArgumentType"]
            assert argument.get("conditional_operator", "==") in ALGORITHM["ConditionalArgComparatorType"]
            assert "conditional_on" not in argument or argument["has_default_value"]
        for visualization in function["ui_visualizations"]:
            fits(visualization, VISUALIZATION["VisualizationForm"])
            fits(visualization["schema"], VISUALIZATION[visualization["type"]])


def test_the_form_uses_what_it_can_show():
    types = {argument["type"] for argument in CENTRAL["arguments"]}
    assert {"string", "integer", "float", "boolean", "json", "column", "column_list", "integer_list", "organization_list"} <= types
    assert any("conditional_on" in argument for argument in CENTRAL["arguments"])
    assert any("allowed_values" in argument for argument in CENTRAL["arguments"])
    assert all(argument["description"] and argument["display_name"] for argument in CENTRAL["arguments"])
    assert [function["standalone"] for function in DESCRIPTION["functions"]] == [True, False]


@pytest.mark.parametrize("model, target, database", [
    ("logistic", "diagnosis", "breast-cancer"), ("mlp", "diagnosis", "breast-cancer"), ("linear", "progression", "diabetes"), ("softmax", "digit", "digits")])
def test_every_visualization_draws_the_result_of_an_untouched_form(sandbox, model, target, database):
    """The form as a person leaves it who fills in only what is required: defaults as strings, lists emptied by drawing them."""
    controls = ui.form(CENTRAL["arguments"])
    controls.update(model=model, target=target)
    given = ui.kwargs(CENTRAL["arguments"], ui.show(CENTRAL["arguments"], controls))
    assert given["num_rounds"] == 10 and given["organizations"] == [] and given["strategy_options"] == {}
    assert ("mlp" == model) == ui.is_shown(CENTRAL["arguments"], next(a for a in CENTRAL["arguments"] if a["name"] == "hidden_layers"), controls)
    # Ten rounds are the form's; a gentle step lets all four converge.
    result = sandbox(database, {**given, "learning_rate": 0.02})

    drawn = {}
    for visualization in CENTRAL["ui_visualizations"]:
        if visualization["type"] == "table":
            columns, rows = ui.table(result, visualization)
            assert all(set(columns) <= set(row) for row in rows), visualization["name"]
            assert not any(isinstance(row[column], (dict, list)) for row in rows for column in columns), visualization["name"]
            drawn[visualization["name"]] = rows
        else:
            x, y = ui.line(result, visualization)
            assert len(y) in (0, len(x)), visualization["name"]
            drawn[visualization["name"]] = y
    assert len(drawn["Rounds"]) == 10 and len(drawn["Loss"]) == len(drawn["Training loss"]) == 10
    assert len(drawn["Organizations"]) == 3 and drawn["Failures"] == []
    assert (len(drawn["RMSE"]) == 10) == (model == "linear")
    assert (len(drawn["Accuracy"]) == 10) == (model != "linear")
    assert len(drawn["Final metrics"]) == 1
    assert {row["parameter"] for row in drawn["Coefficients"] if row} >= {"(intercept)"} or model == "mlp"


def test_a_form_is_submitted_to_the_real_server(plain):
    controls = ui.form(CENTRAL["arguments"])
    controls.update(model="logistic", target="diagnosis", num_rounds="2", organizations=[plain.ids["alpha"], plain.ids["beta"]])
    task = ui.submit(plain, "v6-flower", CENTRAL, ui.kwargs(CENTRAL["arguments"], ui.show(CENTRAL["arguments"], controls)), at="alpha")
    status, result, log = plain.outcome(task)
    assert status == "completed", log
    assert [p["name"] for p in result["participants"]] == ["alpha", "beta"]
    for visualization in CENTRAL["ui_visualizations"]:
        (ui.table if visualization["type"] == "table" else ui.line)(result, visualization)
