import fire
import torch


def solve(
    equation="burgers",
    width=50,
    depth=4,
    activation="tanh",
    optimizer="adam",
    lr=1e-3,
    steps=20_000,
    collocation_points=10_000,
    boundary_weight=1.0,
    pde_weight=1.0,
    lr_decay=True,
    resample_every=0,
    fourier_features=False,
    sigma=1.0,
    float64=False,
    seed=0,
):
    torch.manual_seed(seed)
    model = torch.nn.Linear(2, width)
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        loss = model(torch.randn(16, 2)).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0:
            print(f"step={step} pde_loss={loss.item()} rel_l2_error={loss.item()}")


if __name__ == "__main__":
    fire.Fire(solve)
