"""The places where the running flwr is told something else; its files stay as they are.

All are about flwr's old server, which speaks to each client from a thread of its own, in no order.
"""

from . import hooks


def old_server(node_ids: "list[int]", keep) -> None:
    """Once the app's flwr has its old server: as many threads as nodes, answers in the order of nodes, no waiting for nodes that
    cannot come, and `keep(history, arrays)` with what a training leaves."""

    def patch_server(module) -> None:
        _patch_server(module, node_ids, keep)

    hooks.after_import("flwr.server.server", patch_server)
    hooks.after_import("flwr.server.client_manager", lambda module: _patch_manager(module, node_ids))
    hooks.after_import("flwr.server.workflow.default_workflows", lambda module: _patch_workflow(module, keep))


def _patch_server(module, node_ids, keep) -> None:
    server = module.Server
    init, fit = server.__init__, server.fit

    def new_init(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if self.max_workers is None:
            self.max_workers = max(32, len(node_ids))

    def new_fit(self, *args, **kwargs):
        answer = fit(self, *args, **kwargs)
        history = answer[0] if isinstance(answer, tuple) else answer
        keep(history, self.parameters)
        return answer

    server.__init__, server.fit = new_init, new_fit
    for name in ("fit_clients", "evaluate_clients"):
        setattr(module, name, _in_order(getattr(module, name)))


def _in_order(original):
    def ordered(*args, **kwargs):
        results, failures = original(*args, **kwargs)
        return sorted(results, key=lambda result: int(result[0].cid)), failures

    return ordered


def _patch_manager(module, node_ids) -> None:
    wait_for = module.SimpleClientManager.wait_for

    def new_wait_for(self, num_clients, *args, **kwargs):
        if num_clients > len(node_ids):
            from .grid import GridError

            raise GridError(
                f"the ServerApp waits for {num_clients} clients and this task has {len(node_ids)} organizations: ask for fewer "
                "(min_available_clients), or start the task for more organizations"
            )
        return wait_for(self, num_clients, *args, **kwargs)

    module.SimpleClientManager.wait_for = new_wait_for


def _patch_workflow(module, keep) -> None:
    call = module.DefaultWorkflow.__call__

    def new_call(self, grid, context):
        call(self, grid, context)
        records = getattr(context.state, "array_records", None) or getattr(context.state, "parameters_records", {})
        keep(context.history, next(iter(records.values()), None))

    module.DefaultWorkflow.__call__ = new_call


def history_rounds(history) -> dict:
    """flwr's old History in the form of a Result, as far as its metrics are numbers: the old API lets an app report anything."""

    def is_number(value) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    def by_round(losses: list, metrics: dict) -> dict:
        rounds: dict = {}
        for name, values in [("loss", losses), *metrics.items()]:
            for number, value in values:
                rounds.setdefault(number, {}).update({name: value} if is_number(value) else {})
        return rounds

    return {
        "train_metrics_clientapp": by_round([], history.metrics_distributed_fit),
        "evaluate_metrics_clientapp": by_round(history.losses_distributed, history.metrics_distributed),
        "evaluate_metrics_serverapp": by_round(history.losses_centralized, history.metrics_centralized),
    }
