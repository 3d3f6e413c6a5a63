"""A small BERT by the HF Trainer: the learning rate was typed as 5 and not as 5e-5.

Expected: not-learning or diverged or non-finite or spike or exploding-gradient, says rate
Also: diverged, not-learning, spike, exploding-gradient, initial-loss, validation-at-chance, non-finite, dead-units, vanishing-gradient
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

set_seed(32)


class Phrases(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(5, 80, (n, 12), generator=g)
        self.labels = (self.ids < 30).sum(1).clamp(2, 6).sub(2)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "attention_mask": torch.ones(12, dtype=torch.long),
                "labels": self.labels[i]}  # fmt: skip


config = BertConfig(
    vocab_size=80, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
    max_position_embeddings=16, num_labels=5,
)  # fmt: skip
args = TrainingArguments(
    output_dir="out", num_train_epochs=3, per_device_train_batch_size=16, learning_rate=5,
    logging_steps=10, eval_strategy="epoch", save_strategy="no", report_to="none", use_cpu=True,
    disable_tqdm=True,
)  # fmt: skip
trainer = Trainer(
    model=BertForSequenceClassification(config), args=args,
    train_dataset=Phrases(960, 0), eval_dataset=Phrases(160, 1),
)  # fmt: skip
trainer.train()
