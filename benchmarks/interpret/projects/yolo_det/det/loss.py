import torch.nn as nn


class ComputeLoss:
    def __init__(self, model, hyp):
        self.hyp = hyp
        self.bce = nn.BCEWithLogitsLoss()
        if hyp["fl_gamma"] > 0:
            from .focal import FocalLoss
            self.bce = FocalLoss(self.bce, hyp["fl_gamma"])

    def __call__(self, p, targets):
        lbox, lobj, lcls = self.parts(p, targets)
        return self.hyp["box"] * lbox + self.hyp["obj"] * lobj + self.hyp["cls"] * lcls, (lbox, lobj, lcls)

    def parts(self, p, targets):
        raise NotImplementedError
