from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, HfArgumentParser, TrainingArguments, Trainer


@dataclass
class PreferenceConfig:
    policy: str = field(default="Qwen/Qwen2.5-0.5B-Instruct")
    reference: str = field(default="", metadata={"help": "empty: a frozen copy of the policy"})
    pairs: str = field(default="HuggingFaceH4/ultrafeedback_binarized")
    loss_type: Literal["sigmoid", "hinge", "ipo", "kto"] = field(default="sigmoid")
    beta: float = field(default=0.1, metadata={"help": "strength of the KL leash"})
    label_smoothing_dpo: float = field(default=0.0, metadata={"help": "assumed share of flipped preferences"})
    sft_coef: float = field(default=0.0, metadata={"help": "weight of an NLL term on the chosen answer"})
    reference_free: bool = False
    length_normalize: bool = False
    max_prompt: int = 512
    max_answer: int = 512
    drop_ties: bool = True
    swap_frac: float = field(default=0.0, metadata={"help": "share of pairs swapped on purpose, for robustness studies"})


@dataclass
class Args(TrainingArguments):
    output_dir: str = "dpo_out"
    learning_rate: float = 5e-7
    per_device_train_batch_size: int = 2
    gradient_accumulation_steps: int = 16
    num_train_epochs: float = 1.0
    warmup_ratio: float = 0.1
    lr_scheduler_type: str = "cosine"
    max_steps: int = -1
    bf16: bool = True
    gradient_checkpointing: bool = False
    optim: str = "adamw_torch"
    logging_steps: int = 10
    eval_steps: int = 100
    seed: int = 42


def logp(model, ids, mask):
    out = model(ids).logits[:, :-1].log_softmax(-1)
    return (out.gather(-1, ids[:, 1:, None]).squeeze(-1) * mask[:, 1:]).sum(-1)


class PairTrainer(Trainer):
    def __init__(self, *a, ref, prefs, **k):
        super().__init__(*a, **k)
        self.ref, self.p = ref, prefs

    def compute_loss(self, model, batch, return_outputs=False, **_):
        c, r = logp(model, batch["c"], batch["cm"]), logp(model, batch["r"], batch["rm"])
        with torch.no_grad():
            rc, rr = (0, 0) if self.p.reference_free else (logp(self.ref, batch["c"], batch["cm"]), logp(self.ref, batch["r"], batch["rm"]))
        z = (c - rc) - (r - rr)
        eps, b = self.p.label_smoothing_dpo, self.p.beta
        loss = {
            "sigmoid": lambda: -(1 - eps) * F.logsigmoid(b * z) - eps * F.logsigmoid(-b * z),
            "hinge": lambda: torch.relu(1 - b * z),
            "ipo": lambda: (z - 1 / (2 * b)) ** 2,
            "kto": lambda: 1 - torch.sigmoid(b * z),
        }[self.p.loss_type]().mean()
        loss = loss - self.p.sft_coef * c.mean()
        self.log({"reward_acc": (z > 0).float().mean().item(), "margin": z.mean().item()})
        return loss


def main():
    prefs, args = HfArgumentParser((PreferenceConfig, Args)).parse_args_into_dataclasses()
    tok = AutoTokenizer.from_pretrained(prefs.policy)
    model = AutoModelForCausalLM.from_pretrained(prefs.policy)
    ref = AutoModelForCausalLM.from_pretrained(prefs.reference or prefs.policy).eval()
    ds = load_dataset(prefs.pairs, split="train_prefs")
    if prefs.drop_ties:
        ds = ds.filter(lambda r: r["score_chosen"] != r["score_rejected"])
    trainer = PairTrainer(model, args, train_dataset=ds, ref=ref, prefs=prefs, processing_class=tok)
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    main()
