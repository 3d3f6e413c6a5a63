"""Instruction finetuning with LoRA / QLoRA."""
import logging
import sys
from dataclasses import dataclass, field
from typing import Optional

import torch
from datasets import load_dataset
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    DataCollatorForSeq2Seq,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
    set_seed,
)

log = logging.getLogger(__name__)


@dataclass
class ModelArguments:
    model_name_or_path: str = field(default="Qwen/Qwen2.5-0.5B", metadata={"help": "Base model."})
    lora_r: int = field(default=16, metadata={"help": "Rank of the LoRA update matrices."})
    lora_alpha: int = field(default=32, metadata={"help": "LoRA scaling."})
    lora_dropout: float = field(default=0.05)
    target_modules: str = field(default="q_proj,v_proj", metadata={"help": "Comma-separated modules to adapt."})
    load_in_4bit: bool = field(default=False, metadata={"help": "Quantize the base model to nf4 (QLoRA)."})
    attn_implementation: Optional[str] = field(default="sdpa", metadata={"help": "eager, sdpa or flash_attention_2"})


@dataclass
class DataArguments:
    dataset_name: str = field(default="tatsu-lab/alpaca")
    max_seq_length: int = field(default=1024, metadata={"help": "Truncate examples to this many tokens."})
    max_train_samples: Optional[int] = field(default=None, metadata={"help": "For debugging: truncate the training set."})
    val_fraction: float = field(default=0.02)
    mask_prompt: bool = field(default=True, metadata={"help": "Compute loss on the response only."})
    packing: bool = field(default=False, metadata={"help": "Pack several examples into one sequence."})


@dataclass
class TrainArgs(TrainingArguments):
    output_dir: str = field(default="out")
    learning_rate: float = field(default=2e-4)
    num_train_epochs: float = field(default=3)
    per_device_train_batch_size: int = field(default=4)
    gradient_accumulation_steps: int = field(default=8)
    warmup_ratio: float = field(default=0.03)
    lr_scheduler_type: str = field(default="linear")
    eval_strategy: str = field(default="steps")
    eval_steps: int = field(default=200)
    logging_steps: int = field(default=10)
    bf16: bool = field(default=True)
    gradient_checkpointing: bool = field(default=False)


def format_example(ex):
    inp = "\n" + ex["input"] if ex.get("input") else ""
    return f"### Instruction:\n{ex['instruction']}{inp}\n\n### Response:\n", ex["output"]


def tokenize(tok, data_args):
    def fn(ex):
        prompt, answer = format_example(ex)
        p = tok(prompt)["input_ids"]
        a = tok(answer + tok.eos_token, add_special_tokens=False)["input_ids"]
        ids = (p + a)[: data_args.max_seq_length]
        labels = ([-100] * len(p) + a if data_args.mask_prompt else p + a)[: data_args.max_seq_length]
        return {"input_ids": ids, "labels": labels, "attention_mask": [1] * len(ids)}
    return fn


def pack(ex, n):
    out = {}
    for k, rows in ex.items():
        flat = [t for r in rows for t in r]
        out[k] = [flat[i:i + n] for i in range(0, len(flat), n)]
    return out


def main():
    parser = HfArgumentParser((ModelArguments, DataArguments, TrainArgs))
    if len(sys.argv) == 2 and sys.argv[1].endswith(".json"):
        model_args, data_args, args = parser.parse_json_file(sys.argv[1])
    else:
        model_args, data_args, args = parser.parse_args_into_dataclasses()
    set_seed(args.seed)
    tok = AutoTokenizer.from_pretrained(model_args.model_name_or_path)
    tok.pad_token = tok.pad_token or tok.eos_token
    quant = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16) if model_args.load_in_4bit else None
    model = AutoModelForCausalLM.from_pretrained(
        model_args.model_name_or_path, quantization_config=quant, attn_implementation=model_args.attn_implementation
    )
    if quant:
        model = prepare_model_for_kbit_training(model)
    model = get_peft_model(model, LoraConfig(
        r=model_args.lora_r, lora_alpha=model_args.lora_alpha, lora_dropout=model_args.lora_dropout,
        target_modules=model_args.target_modules.split(","), task_type="CAUSAL_LM"))
    ds = load_dataset(data_args.dataset_name, split="train").train_test_split(data_args.val_fraction, seed=args.seed)
    if data_args.max_train_samples:
        ds["train"] = ds["train"].select(range(data_args.max_train_samples))
    ds = ds.map(tokenize(tok, data_args), remove_columns=ds["train"].column_names)
    if data_args.packing:
        ds = ds.map(lambda ex: pack(ex, data_args.max_seq_length), batched=True)
    trainer = Trainer(model=model, args=args, train_dataset=ds["train"], eval_dataset=ds["test"],
                      data_collator=DataCollatorForSeq2Seq(tok))
    trainer.train()
    print(trainer.evaluate())  # eval_loss
    trainer.save_model()


if __name__ == "__main__":
    main()
