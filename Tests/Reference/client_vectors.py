"""Reference values of SCAFFOLD, FedNova and FedDyn, which flwr has not: client_vectors.py SEED OUTDIR (needs numpy).

Written from the papers' pseudo-code and the authors' code, apart from the Swift: here each client keeps its own state, and the server
adds up differences. A client's loss is quadratic, h / 2 (w - b)^2, so that a test can take the same steps. Each JSON file is one case:
clients, the rounds' participants, and the global arrays after each round. Arrays are {"dtype", "shape", "data"}: little-endian, C order,
base64.
"""
import base64
import json
import pathlib
import sys

import numpy as np

SHAPES = {"weight": (3, 4), "bias": (4,)}


def encode(arrays):
    return {k: {"dtype": v.dtype.name, "shape": list(v.shape), "data": base64.b64encode(np.ascontiguousarray(v).tobytes()).decode()}
            for k, v in arrays.items()}


def each(function, *records):
    return {k: function(*(record[k] for record in records)) for k in SHAPES}


class Client:
    def __init__(self, rng, node, examples, steps, dtype):
        self.node, self.examples, self.steps = node, examples, steps
        self.hessian = {k: rng.uniform(0.3, 1.5, s).astype(dtype) for k, s in SHAPES.items()}
        self.center = {k: rng.normal(0, 2, s).astype(dtype) for k, s in SHAPES.items()}
        self.own = {k: np.zeros(s, dtype) for k, s in SHAPES.items()}  # c_i, or the gradient of FedDyn

    def gradient(self, w):
        return each(lambda h, w, b: h * (w - b), self.hessian, w, self.center)

    def told(self):
        return {"node": self.node, "examples": self.examples, "steps": self.steps, "hessian": encode(self.hessian), "center": encode(self.center)}


def mean(records, weights):
    total = sum(weights)
    return each(lambda *values: sum(v * (w / total) for v, w in zip(values, weights)), *records)


class SCAFFOLD:
    """Karimireddy 2020, algorithm 1, option II; with momentum K is the 1-norm of FedNova's a."""

    def __init__(self, clients, x, config, server_learning_rate=1.0):
        self.clients, self.x, self.rate, self.config = clients, x, server_learning_rate, config
        self.c = each(np.zeros_like, x)

    def round(self, chosen):
        eta, rho, total = self.config["learning-rate"], self.config.get("momentum", 0.0), sum(c.examples for c in self.clients)
        x, deltas, changes = self.x, [], []
        for client in chosen:
            y, v, norm, counter = x, each(np.zeros_like, x), 0.0, 0.0
            for _ in range(client.steps):
                v = each(lambda v, g, ci, c: rho * v + (g - ci + c), v, client.gradient(y), client.own, self.c)
                y = each(lambda y, v: y - eta * v, y, v)
                counter = rho * counter + 1
                norm += counter
            new = each(lambda ci, c, x, y: ci - c + (x - y) / (norm * eta), client.own, self.c, x, y)
            deltas.append(each(lambda y, x: y - x, y, x))
            changes.append(each(lambda new, old: new - old, new, client.own))
            client.own = new
        step = mean(deltas, [c.examples for c in chosen])
        self.x = each(lambda x, s: x + self.rate * s, x, step)
        for client, change in zip(chosen, changes):
            self.c = each(lambda c, d: c + d * (client.examples / total), self.c, change)


class FedNova:
    """The authors' optimiser (github.com/JYWa/FedNova), without server momentum."""

    def __init__(self, clients, x, config, proximal_mu=0.0):
        self.clients, self.x, self.mu, self.config = clients, x, proximal_mu, config

    def round(self, chosen):
        eta, rho = self.config["learning-rate"], self.config.get("momentum", 0.0)
        total, tau, sums = sum(c.examples for c in chosen), 0.0, []
        for client in chosen:
            y, v, cumulated = self.x, each(np.zeros_like, self.x), each(np.zeros_like, self.x)
            vector = counter = 0.0
            for _ in range(client.steps):
                v = each(lambda v, g: rho * v + g, v, client.gradient(y))
                direction = each(lambda v, y, x: v + self.mu * (y - x), v, y, self.x)
                cumulated = each(lambda a, d: a + eta * d, cumulated, direction)
                y = each(lambda y, d: y - eta * d, y, direction)
                if rho:
                    counter = counter * rho + 1
                    vector += counter
                elif self.mu:
                    vector = vector * (1 - eta * self.mu) + 1
                else:
                    vector += 1
            ratio = client.examples / total
            tau += (client.steps if self.mu else vector) * ratio
            sums.append((ratio / vector, cumulated))
        for weight, cumulated in sums:
            self.x = each(lambda x, d: x - d * (tau * weight), self.x, cumulated)


class FedDyn:
    """Acar 2021, algorithm 1; where clients weigh differently the means over clients are weighted."""

    def __init__(self, clients, x, config, alpha):
        self.clients, self.x, self.alpha, self.config = clients, x, alpha, config
        self.h = each(np.zeros_like, x)

    def round(self, chosen):
        eta, rho, total = self.config["learning-rate"], self.config.get("momentum", 0.0), sum(c.examples for c in self.clients)
        x, models = self.x, []
        for client in chosen:
            y, v = x, each(np.zeros_like, x)
            for _ in range(client.steps):
                v = each(lambda v, g, own, y, x: rho * v + (g - own + self.alpha * (y - x)), v, client.gradient(y), client.own, y, x)
                y = each(lambda y, v: y - eta * v, y, v)
            client.own = each(lambda own, y, x: own - self.alpha * (y - x), client.own, y, x)
            models.append(y)
            self.h = each(lambda h, y, x: h - self.alpha * (client.examples / total) * (y - x), self.h, y, x)
        self.x = each(lambda m, h: m - h / self.alpha, mean(models, [c.examples for c in chosen]), self.h)


def case(out, rng, name, strategy, options, config, dtype, equal, sampled, rounds=12):
    examples = [50] * 6 if equal else [int(n) for n in rng.integers(20, 200, 6)]
    clients = [Client(rng, i + 1, examples[i], int(rng.integers(1, 9)), dtype) for i in range(6)]
    x = {k: rng.normal(0, 1, s).astype(dtype) for k, s in SHAPES.items()}
    made = strategy(clients, x, config, **options)
    doc = {"strategy": strategy.__name__, "options": options, "config": config, "dtype": dtype, "clients": [c.told() for c in clients],
           "initial": encode(x), "rounds": []}
    for number in range(rounds):
        # What a client weighs is known when it has trained, so with different weights all train first.
        whole = not sampled or (number == 0 and not equal)
        chosen = clients if whole else [clients[i] for i in sorted(rng.choice(6, 3, replace=False))]
        made.round(chosen)
        assert all(v.dtype == dtype for v in made.x.values())
        doc["rounds"].append({"trained": [c.node for c in chosen], "expected": encode(made.x)})
    (out / f"{name}.json").write_text(json.dumps(doc))


CASES = [
    (SCAFFOLD, {}, {}), (SCAFFOLD, {"server_learning_rate": 0.5}, {}), (SCAFFOLD, {}, {"momentum": 0.6}),
    (FedNova, {}, {}), (FedNova, {}, {"momentum": 0.6}), (FedNova, {"proximal_mu": 0.5}, {}),
    (FedDyn, {"alpha": 0.3}, {}), (FedDyn, {"alpha": 1.0}, {"momentum": 0.4}),
]


def main():
    rng = np.random.default_rng(int(sys.argv[1]))
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    for strategy, options, config in CASES:
        for dtype in ("float32", "float64"):
            for equal in (True, False):
                for sampled in (True, False):
                    tag = "-".join(f"{k}_{v}" for k, v in {**options, **config}.items()) or "default"
                    name = f"{strategy.__name__}-{tag}-{'equal' if equal else 'unequal'}-{'sampled' if sampled else 'all'}-{dtype}"
                    case(out, rng, name, strategy, options, {"learning-rate": 0.1, **config}, dtype, equal, sampled)
                    count += 1
    print(count, "cases of SCAFFOLD, FedNova and FedDyn")


main()
