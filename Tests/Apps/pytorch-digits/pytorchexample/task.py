"""pytorchexample: A Flower / PyTorch app."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from flwr_datasets import FederatedDataset
from flwr_datasets.partitioner import IidPartitioner
from torch.utils.data import DataLoader


class Net(nn.Module):
    """A small CNN for 8x8 images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 4 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.fc(x.flatten(1))


fds = None  # Cache FederatedDataset


def to_image(row):
    """Make an image and a label of a row of pixels."""
    pixels = [row[f"pixel_{i // 8}_{i % 8}"] for i in range(64)]
    return {"img": [[pixels[8 * y : 8 * y + 8] for y in range(8)]], "label": row["digit"]}


def load_data(partition_id: int, num_partitions: int, batch_size: int):
    """Load this node's digits."""
    global fds
    if fds is None:
        fds = FederatedDataset(dataset="digits", partitioners={"train": IidPartitioner(num_partitions=num_partitions)})
    partition = fds.load_partition(partition_id)
    partition = partition.map(to_image, remove_columns=partition.column_names)
    split = partition.train_test_split(test_size=0.2, seed=42)
    split.set_format("torch")
    return DataLoader(split["train"], batch_size=batch_size, shuffle=False), DataLoader(split["test"], batch_size=batch_size)


def train(net, loader, epochs, lr):
    """Train the model on the training set."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    net.train()
    total = 0.0
    for _ in range(epochs):
        for batch in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(batch["img"].float() / 16), batch["label"])
            loss.backward()
            optimizer.step()
            total += loss.item()
    return total / (epochs * len(loader))


@torch.no_grad()
def test(net, loader):
    """Validate the model on the test set."""
    net.eval()
    correct, loss, count = 0, 0.0, 0
    for batch in loader:
        outputs = net(batch["img"].float() / 16)
        loss += F.cross_entropy(outputs, batch["label"], reduction="sum").item()
        correct += (outputs.argmax(1) == batch["label"]).sum().item()
        count += len(batch["label"])
    return loss / count, correct / count
