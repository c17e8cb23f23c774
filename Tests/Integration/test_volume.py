"""Much data. Last, since the server is busy with it for a while afterwards."""
import base64

import pytest


# It passes with 5.0, too, whose HQ works on it for four minutes.
@pytest.mark.generation(4)
def test_results_over_100_megabytes(plain):
    """30 × 5000 + 5000 × 5200 weights and the biases: replies and the result of 105 MB, 140 MB as text. It is vantage6 that takes the time."""
    kwargs = {"organizations": [plain.ids["beta"]], "strategy_options": {"min_train_nodes": 1, "min_evaluate_nodes": 1, "min_available_nodes": 1},
              "model": "mlp", "target": "diagnosis", "hidden_layers": [5000, 5200], "batch_size": 0, "learning_rate": 1e-4, "num_rounds": 1}
    status, result, log = plain.outcome(plain.task("v6-flower", kwargs), 900)
    assert status == "completed", log
    assert len(base64.b64decode(result["model"]["safetensors"])) > 100e6 and result["failures"] == []
