"""A small BERT by the HF Trainer on made phrases: warm-up, linear decay, accuracy after each epoch.

Expected: nothing
Needs: transformers
"""

import torch
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

set_seed(14)


class Phrases(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(5, 60, (n, 10), generator=g)
        self.labels = ((self.ids < 15).sum(1) > (self.ids >= 50).sum(1)).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {
            "input_ids": self.ids[i],
            "attention_mask": torch.ones(10, dtype=torch.long),
            "labels": self.labels[i],
        }


def compute_metrics(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


config = BertConfig(
    vocab_size=60, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
    max_position_embeddings=16, num_labels=2,
)  # fmt: skip
args = TrainingArguments(
    output_dir="out", num_train_epochs=6, per_device_train_batch_size=32, learning_rate=1e-3,
    warmup_steps=20, weight_decay=0.01, logging_steps=10, eval_strategy="epoch", save_strategy="no",
    report_to="none", use_cpu=True, disable_tqdm=True,
)  # fmt: skip
Trainer(
    model=BertForSequenceClassification(config),
    args=args,
    compute_metrics=compute_metrics,
    train_dataset=Phrases(1600, 0),
    eval_dataset=Phrases(320, 1),
).train()
