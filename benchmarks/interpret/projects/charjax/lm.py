"""A character LSTM in plain JAX."""
import dataclasses
import jax
import jax.numpy as jnp
import optax


@dataclasses.dataclass
class HParams:
    text: str = "shakespeare.txt"
    seq: int = 64
    batch: int = 32
    hidden: int = 256
    n_layers: int = 1
    embed: int = 64
    keep_prob: float = 0.9
    lr: float = 2e-3
    decay_rate: float = 0.97  # of the lr, each epoch
    decay_after: int = 10
    clip: float = 5.0
    epochs: int = 50
    tie_weights: bool = False
    sample_len: int = 200
    sample_temp: float = 0.8
    val_frac: float = 0.05
    seed: int = 0


hps = HParams()


def main():
    key = jax.random.PRNGKey(hps.seed)
    tx = optax.chain(optax.clip_by_global_norm(hps.clip), optax.adam(hps.lr))
    w = jax.random.normal(key, (hps.embed, hps.hidden))
    state = tx.init(w)
    for epoch in range(hps.epochs):
        print(f"epoch {epoch} train_bpc {0:.3f} val_bpc {0:.3f}")


if __name__ == "__main__":
    main()
