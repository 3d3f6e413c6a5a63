"""Preference optimisation with a handwritten DPO trainer; all settings from YAML."""
import json
import sys
from dataclasses import dataclass, field
from typing import Optional

import torch
import torch.nn.functional as F
from datasets import load_dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, HfArgumentParser, Trainer, TrainingArguments, set_seed


@dataclass
class ScriptArguments:
    model_name_or_path: str = field(metadata={"help": "policy; a frozen copy is the reference"})
    dataset_name: str = field(default="trl-lib/ultrafeedback_binarized", metadata={"help": "needs chosen/rejected columns"})
    beta: float = field(default=0.1, metadata={"help": "strength of the KL pull to the reference model"})
    loss_type: str = field(default="sigmoid", metadata={"help": "preference loss", "choices": ["sigmoid", "hinge", "ipo", "kto_pair"]})
    label_smoothing_dpo: float = field(default=0.0, metadata={"help": "conservative DPO: probability that a preference label is flipped"})
    reference_free: bool = field(default=False, metadata={"help": "ignore the reference model (uniform reference)"})
    max_length: int = field(default=1024)
    max_prompt_length: int = field(default=512)
    rpo_alpha: Optional[float] = field(default=None, metadata={"help": "weight of an extra NLL term on the chosen answers"})
    use_peft: bool = field(default=False, metadata={"help": "train LoRA adapters"})
    lora_r: int = field(default=16)
    lora_alpha: int = field(default=32)
    sanity_check: bool = field(default=False, metadata={"help": "only use 1000 samples"})
    max_train_pairs: Optional[int] = None


class DPOTrainer(Trainer):
    def __init__(self, *a, sargs, ref, **kw):
        super().__init__(*a, **kw)
        self.s, self.ref = sargs, ref

    def logps(self, model, ids, mask, labels):
        lp = model(input_ids=ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
        y = labels[:, 1:]
        return (lp.gather(-1, y.clamp(min=0)[..., None]).squeeze(-1) * (y >= 0)).sum(-1)

    def compute_loss(self, model, b, return_outputs=False, **_):
        pc, pr = (self.logps(model, b[f"{k}_ids"], b[f"{k}_mask"], b[f"{k}_labels"]) for k in ("chosen", "rejected"))
        if self.s.reference_free:
            rc = rr = 0.0
        else:
            with torch.no_grad():
                rc, rr = (self.logps(self.ref, b[f"{k}_ids"], b[f"{k}_mask"], b[f"{k}_labels"]) for k in ("chosen", "rejected"))
        m = (pc - rc) - (pr - rr)
        if self.s.loss_type == "sigmoid":
            e = self.s.label_smoothing_dpo
            loss = -(1 - e) * F.logsigmoid(self.s.beta * m) - e * F.logsigmoid(-self.s.beta * m)
        elif self.s.loss_type == "hinge":
            loss = F.relu(1 - self.s.beta * m)
        else:
            loss = (m - 1 / (2 * self.s.beta)) ** 2
        loss = loss.mean()
        if self.s.rpo_alpha:
            loss = loss - self.s.rpo_alpha * pc.mean()
        self.log({"rewards/margins": (self.s.beta * m).mean().item(), "rewards/accuracies": (m > 0).float().mean().item()})
        return (loss, {}) if return_outputs else loss


def tokenize(tok, s):
    def fn(ex):
        out = {}
        p = tok(ex["prompt"])["input_ids"][-s.max_prompt_length:]
        for k in ("chosen", "rejected"):
            a = tok(ex[k] + tok.eos_token)["input_ids"]
            ids = (p + a)[: s.max_length]
            out[f"{k}_ids"], out[f"{k}_mask"] = ids, [1] * len(ids)
            out[f"{k}_labels"] = ([-100] * len(p) + a)[: s.max_length]
        return out
    return fn


def main():
    parser = HfArgumentParser((ScriptArguments, TrainingArguments))
    if sys.argv[1] == "--config":
        sargs, targs = parser.parse_yaml_file(sys.argv[2])
    else:
        sargs, targs = parser.parse_args_into_dataclasses()
    set_seed(targs.seed)
    tok = AutoTokenizer.from_pretrained(sargs.model_name_or_path)
    model = AutoModelForCausalLM.from_pretrained(sargs.model_name_or_path)
    ref = AutoModelForCausalLM.from_pretrained(sargs.model_name_or_path).eval()
    if sargs.use_peft:
        model = get_peft_model(model, LoraConfig(r=sargs.lora_r, lora_alpha=sargs.lora_alpha, task_type="CAUSAL_LM"))
    tr = load_dataset(sargs.dataset_name, split="train")
    n = 1000 if sargs.sanity_check else sargs.max_train_pairs
    if n:
        tr = tr.select(range(n))
    ev = load_dataset(sargs.dataset_name, split="test")
    tr, ev = tr.map(tokenize(tok, sargs)), ev.map(tokenize(tok, sargs))
    trainer = DPOTrainer(model=model, args=targs, sargs=sargs, ref=ref, train_dataset=tr, eval_dataset=ev, processing_class=tok)
    trainer.train()
    print(json.dumps(trainer.evaluate()))  # eval_loss, eval_rewards/accuracies, eval_rewards/margins


if __name__ == "__main__":
    main()
