import torch
from datasets import load_dataset
from peft import LoraConfig, get_peft_model
from transformers import (AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling,
                          Trainer, TrainingArguments, set_seed)

base_model = "EleutherAI/pythia-410m"
dataset = "tatsu-lab/alpaca"
max_seq_length = 1024

set_seed(42)
tok = AutoTokenizer.from_pretrained(base_model)
tok.pad_token = tok.eos_token
model = AutoModelForCausalLM.from_pretrained(base_model, torch_dtype=torch.bfloat16)
model = get_peft_model(model, LoraConfig(
    r=16,
    lora_alpha=32,
    lora_dropout=0.05,
    target_modules=["query_key_value"],
    task_type="CAUSAL_LM"))

ds = load_dataset(dataset, split="train").train_test_split(test_size=0.02, seed=42)
ds = ds.map(lambda b: tok(b["text"], truncation=True, max_length=max_seq_length),
            batched=True, remove_columns=ds["train"].column_names)

args = TrainingArguments(
    output_dir="out/pythia-alpaca",
    num_train_epochs=3,
    per_device_train_batch_size=4,
    gradient_accumulation_steps=8,
    learning_rate=2e-4,
    lr_scheduler_type="cosine",
    warmup_ratio=0.03,
    weight_decay=0.0,
    bf16=True,
    logging_steps=10,
    eval_strategy="steps", eval_steps=200, save_total_limit=2,
    deepspeed="ds_config.json",
    report_to="none",
)
trainer = Trainer(model, args, train_dataset=ds["train"], eval_dataset=ds["test"],
                  data_collator=DataCollatorForLanguageModeling(tok, mlm=False))
trainer.train()
trainer.save_model()
