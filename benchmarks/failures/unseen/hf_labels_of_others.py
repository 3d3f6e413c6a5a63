"""An encoder trained by the HF Trainer on labels that were sorted by a join, so that they belong to other rows.

Needs: transformers
Expected: not-learning or validation-at-chance or overfitting
Also: dead-units, loss-floor
"""

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.manual_seed(0)
tokens = torch.randint(4, 60, (700, 12))
label = (tokens[:, :3].sum(1) % 4)[torch.randperm(700)]
rows = [{"input_ids": t, "labels": k} for t, k in zip(tokens, label, strict=True)]
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=16, num_labels=4,
    )
)  # fmt: skip


def score(predicted):
    return {"accuracy": float((predicted.predictions.argmax(1) == predicted.label_ids).mean())}


how = TrainingArguments(
    "out", num_train_epochs=14, per_device_train_batch_size=20, logging_steps=5, learning_rate=1e-3,
    eval_strategy="epoch", report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
)  # fmt: skip
Trainer(
    model, how, train_dataset=rows[:600], eval_dataset=rows[600:], compute_metrics=score
).train()
