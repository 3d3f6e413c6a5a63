"""A causal language model by the HF Trainer: warm-up, cosine to nothing, accumulation, evaluations, clipping.

Needs: transformers
Expected: nothing
"""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

torch.manual_seed(0)
tokens = (torch.arange(24)[None] * torch.randint(1, 5, (500, 1)) + torch.randint(64, (500, 1))) % 64
rows = [{"input_ids": t, "labels": t} for t in tokens]
model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=24, n_embd=32, n_layer=2, n_head=2))
how = TrainingArguments(
    "out", num_train_epochs=8, per_device_train_batch_size=8, gradient_accumulation_steps=2,
    logging_steps=5, learning_rate=2e-3, warmup_steps=20, lr_scheduler_type="cosine",
    eval_strategy="epoch", report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
)  # fmt: skip
Trainer(model, how, train_dataset=rows[:440], eval_dataset=rows[440:]).train()
