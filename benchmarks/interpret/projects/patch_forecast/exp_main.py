import time

import numpy as np
import torch
from torch import nn, optim


class EarlyStopping:
    def __init__(self, patience=7, delta=0):
        self.patience, self.delta = patience, delta
        self.best, self.counter, self.early_stop = None, 0, False

    def __call__(self, val_loss):
        if self.best is None or val_loss < self.best - self.delta:
            self.best, self.counter = val_loss, 0
        else:
            self.counter += 1
            self.early_stop = self.counter >= self.patience


class Exp_Main:
    def __init__(self, args):
        self.args = args
        self.device = torch.device(f'cuda:{args.gpu}' if torch.cuda.is_available() else 'cpu')
        import importlib
        self.model = importlib.import_module(f'models.{args.model}').Model(args).to(self.device)

    def _criterion(self):
        return {'mse': nn.MSELoss(), 'mae': nn.L1Loss(), 'huber': nn.HuberLoss()}[self.args.loss]

    def train(self, setting):
        from data_factory import data_provider
        train, vali = data_provider(self.args, 'train'), data_provider(self.args, 'val')
        opt = optim.Adam(self.model.parameters(), lr=self.args.learning_rate)
        sched = optim.lr_scheduler.OneCycleLR(opt, max_lr=self.args.learning_rate, pct_start=self.args.pct_start,
                                              epochs=self.args.train_epochs, steps_per_epoch=len(train))
        stop, crit = EarlyStopping(self.args.patience), self._criterion()
        for epoch in range(self.args.train_epochs):
            t = time.time()
            self.model.train()
            losses = []
            for x, y in train:
                opt.zero_grad()
                with torch.cuda.amp.autocast(enabled=self.args.use_amp):
                    loss = crit(self.model(x.to(self.device))[:, -self.args.pred_len:], y.to(self.device))
                loss.backward()
                opt.step()
                if self.args.lradj == 'TST':
                    sched.step()
                losses.append(loss.item())
            v = self.vali(vali, crit)
            print(f'Epoch: {epoch} | Train Loss: {np.mean(losses):.7f} Vali Loss: {v:.7f} ({time.time() - t:.1f}s)')
            stop(v)
            if stop.early_stop:
                break

    def vali(self, loader, crit):
        self.model.eval()
        with torch.no_grad():
            return float(np.mean([crit(self.model(x.to(self.device)), y.to(self.device)).item() for x, y in loader]))

    def test(self, setting):
        from data_factory import data_provider
        p, t = [], []
        for x, y in data_provider(self.args, 'test'):
            p.append(self.model(x.to(self.device)).detach().cpu().numpy()); t.append(y.numpy())
        p, t = np.concatenate(p), np.concatenate(t)
        print('mse:{}, mae:{}'.format(np.mean((p - t) ** 2), np.mean(np.abs(p - t))))
