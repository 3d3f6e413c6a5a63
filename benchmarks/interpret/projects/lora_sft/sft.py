import logging
from dataclasses import dataclass, field
from typing import Optional

import torch
from datasets import load_dataset
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
)

log = logging.getLogger(__name__)


@dataclass
class ModelArgs:
    base_model: str = field(default="meta-llama/Llama-3.2-1B", metadata={"help": "hub id or folder"})
    attn_impl: str = field(default="sdpa", metadata={"help": "eager, sdpa or flash_attention_2"})
    load_in_4bit: bool = False
    lora_r: int = field(default=16, metadata={"help": "rank of the adapters"})
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    lora_targets: str = field(default="q_proj,v_proj", metadata={"help": "comma-separated module names"})
    full_finetune: bool = field(default=False, metadata={"help": "train all weights, without adapters"})


@dataclass
class DataArgs:
    dataset: str = "tatsu-lab/alpaca"
    max_len: int = field(default=1024, metadata={"help": "tokens; longer examples are cut"})
    packing: bool = field(default=False, metadata={"help": "several short examples in a row"})
    mask_prompt: bool = field(default=True, metadata={"help": "no loss on the prompt"})
    val_frac: float = 0.02
    limit: Optional[int] = field(default=None, metadata={"help": "use only so many examples"})


@dataclass
class OptArgs:
    peak_lr: float = 2e-4
    schedule: str = field(default="cosine", metadata={"help": "linear, cosine, constant"})
    warm_frac: float = field(default=0.03, metadata={"help": "share of steps spent warming up"})
    micro_bs: int = field(default=4, metadata={"help": "per device"})
    accum: int = field(default=8, metadata={"help": "micro batches before an update"})
    n_epochs: float = 3.0
    wd: float = 0.0
    neftune: float = field(default=0.0, metadata={"help": "NEFTune noise alpha, 0 = off"})
    grad_ckpt: bool = True
    out: str = "ckpts/sft"
    seed: int = 1234


def main():
    m, d, o = HfArgumentParser((ModelArgs, DataArgs, OptArgs)).parse_args_into_dataclasses()
    tok = AutoTokenizer.from_pretrained(m.base_model)
    tok.pad_token = tok.pad_token or tok.eos_token
    model = AutoModelForCausalLM.from_pretrained(
        m.base_model, attn_implementation=m.attn_impl, torch_dtype=torch.bfloat16, load_in_4bit=m.load_in_4bit
    )
    if not m.full_finetune:
        cfg = LoraConfig(r=m.lora_r, lora_alpha=m.lora_alpha, lora_dropout=m.lora_dropout, target_modules=m.lora_targets.split(","))
        model = get_peft_model(model, cfg)
    ds = load_dataset(d.dataset, split="train")
    if d.limit:
        ds = ds.select(range(d.limit))
    ds = ds.map(lambda r: tok(r["text"], truncation=True, max_length=d.max_len), remove_columns=ds.column_names)
    parts = ds.train_test_split(d.val_frac, seed=o.seed)
    targs = TrainingArguments(
        output_dir=o.out, learning_rate=o.peak_lr, lr_scheduler_type=o.schedule, warmup_ratio=o.warm_frac,
        per_device_train_batch_size=o.micro_bs, gradient_accumulation_steps=o.accum, num_train_epochs=o.n_epochs,
        weight_decay=o.wd, neftune_noise_alpha=o.neftune or None, gradient_checkpointing=o.grad_ckpt,
        bf16=True, seed=o.seed, eval_strategy="epoch", report_to=[],
    )
    trainer = Trainer(model, targs, DataCollatorForLanguageModeling(tok, mlm=False), parts["train"], parts["test"])
    trainer.train()
    print(trainer.evaluate())  # eval_loss


if __name__ == "__main__":
    main()
