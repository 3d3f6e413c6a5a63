"""A small encoder fine-tuned by the HF Trainer with AdamW at the rate that its SGD had.

Needs: transformers
Expected: not-learning or diverged or loss-floor
Also: dead-units, vanishing-gradient, exploding-gradient, initial-loss, validation-at-chance, learning-rate-jump
"""

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.manual_seed(0)
tokens = torch.randint(4, 50, (600, 16))
label = (tokens == 7).any(1).long() + 2 * (tokens == 9).any(1).long()
rows = [{"input_ids": t, "labels": k} for t, k in zip(tokens, label, strict=True)]
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=16, num_labels=4,
    )
)  # fmt: skip
how = TrainingArguments(
    "out", num_train_epochs=12, per_device_train_batch_size=16, logging_steps=5, learning_rate=0.5,
    eval_strategy="epoch", report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
)  # fmt: skip
Trainer(model, how, train_dataset=rows[:500], eval_dataset=rows[500:]).train()
