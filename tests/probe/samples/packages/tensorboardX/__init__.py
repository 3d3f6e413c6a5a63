import os
class SummaryWriter:
    def __init__(self, logdir=None, **_): self.logdir = logdir
    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, display_name="", summary_description=""): pass
    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None): pass
    def add_hparams(self, hparam_dict, metric_dict, name=None, global_step=None):
        inner = SummaryWriter(os.path.join(self.logdir, name or "173"))
        for key, value in metric_dict.items(): inner.add_scalar(key, value, global_step)
    def close(self): pass
