"""stateful: A Flower app that remembers."""

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import DifferentialPrivacyClientSideFixedClipping, FedAvg

app = ServerApp()


class LocalTrain(FedAvg):
    """FedAvg whose training is a named action."""

    def configure_train(self, server_round, arrays, config, grid):
        for message in super().configure_train(server_round, arrays, config, grid):
            message.metadata.message_type = "train.local"
            yield message


@app.main()
def main(grid: Grid, context: Context) -> None:
    strategy = DifferentialPrivacyClientSideFixedClipping(
        LocalTrain(fraction_evaluate=1.0), noise_multiplier=context.run_config["noise-multiplier"], clipping_norm=1e6, num_sampled_clients=3
    )
    strategy.start(grid=grid, initial_arrays=ArrayRecord([np.zeros(4)]), num_rounds=context.run_config["num-server-rounds"])
