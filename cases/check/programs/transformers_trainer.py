"""A sequence classifier of transformers, made small, with its Trainer."""

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed


class Rows(Dataset):
    def __init__(self, count, seed):
        generator = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(1, 40, (count, 10), generator=generator)
        self.labels = (self.ids[:, 0] > 20).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        ids = self.ids[index]
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": self.labels[index]}


def compute_metrics(prediction):
    logits, labels = prediction
    classes = np.argmax(logits, axis=-1)
    return {"f1": f1_score(labels, classes), "accuracy": float((classes == labels).mean())}


def main():
    set_seed(0)
    config = BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, num_labels=2,
    )
    model = BertForSequenceClassification(config)
    arguments = TrainingArguments(
        output_dir="out", num_train_epochs=1, per_device_train_batch_size=16, learning_rate=1e-3,
        report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
    )
    train_rows, val_rows = Rows(128, 1), Rows(64, 2)
    trainer = Trainer(
        model=model, args=arguments, train_dataset=train_rows, eval_dataset=val_rows,
        compute_metrics=compute_metrics,
    )
    trainer.train()
    told = trainer.evaluate()
    print({name: told[name] for name in ("eval_loss", "eval_f1", "eval_accuracy")})


if __name__ == "__main__":
    main()
