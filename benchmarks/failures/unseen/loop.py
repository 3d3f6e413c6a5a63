"""A small trainer in the manner of Lightning: hooks of a module, and the loop that calls them."""

import torch


class Trainer:
    def __init__(self, epochs, log=print, clip=None):
        self.epochs, self.log, self.clip, self.step = epochs, log, clip, 0

    def fit(self, module, loader, held_out=None):
        optimizer, scheduler = module.configure()
        for epoch in range(self.epochs):
            module.train()
            for batch in loader:
                loss = module.training_step(batch)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                if self.clip:
                    torch.nn.utils.clip_grad_norm_(module.parameters(), self.clip)
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                if self.step % 10 == 0:
                    self.log({"step": self.step, "epoch": epoch, "train/loss": loss.item()})
                self.step += 1
            if held_out is not None:
                module.eval()
                with torch.no_grad():
                    self.log({"step": self.step, "epoch": epoch, **module.validation(held_out)})
