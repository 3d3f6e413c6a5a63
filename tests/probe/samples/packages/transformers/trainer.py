from dataclasses import dataclass
from types import SimpleNamespace
@dataclass
class TrainingArguments:
    output_dir: str
    max_steps: int = -1
    logging_steps: float = 500
    learning_rate: float = 5e-5
    seed: int = 42
    report_to: object = None
    use_cpu: bool = False
class Trainer:
    def __init__(self, model=None, args=None, **_):
        self.args = args; self.state = SimpleNamespace(global_step=0, epoch=None)
    def train(self):
        for step in range(1, self.args.max_steps + 1):
            self.state.global_step = step; self.state.epoch = step / 10
            if step % self.args.logging_steps == 0: self.log({"loss": 1 / step})
        self.log({"eval_loss": 0.5, "eval_runtime": 1.0}); self.log({"train_runtime": 3.0})
    def log(self, logs, start_time=None):
        for name in self.args.report_to or ():
            if name == "wandb":
                import wandb
                if wandb.run is None: wandb.init(project="huggingface")
                rewritten = {("eval/" + k[5:]) if k.startswith("eval_") else "train/" + k: v for k, v in logs.items()}
                wandb.log({**rewritten, "train/global_step": self.state.global_step, "gpu": 7.0})
