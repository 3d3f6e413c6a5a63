from omegaconf import OmegaConf


def main():
    cfg = OmegaConf.merge(OmegaConf.load("base.yaml"), OmegaConf.from_cli())
    for epoch in range(cfg.train.max_epochs):
        print(f"epoch {epoch} | loss {0.3:.3f} | val_auc {0.9:.3f} | val_acc {0.85:.3f}")


if __name__ == "__main__":
    main()
