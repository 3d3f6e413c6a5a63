import fire
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_scheduler


def finetune(
    checkpoint="distilbert-base-uncased",
    task="sst2",
    epochs=3,
    train_batch=32,
    eval_batch=64,
    lr=5e-5,
    head_lr=1e-3,
    decay=0.01,
    warmup_frac=0.06,
    sched="linear",
    max_len=128,
    llrd=1.0,  # layer-wise lr decay
    freeze_layers=0,
    pooler="cls",  # cls or mean
    fp16=False,
    grad_acc=1,
    adv_eps=0.0,  # FGM, 0 is none
    swa=False,
    n_train=None,
    out="out/",
    seed=42,
):
    torch.manual_seed(seed)
    tok = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    opt = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    total = 1000 * epochs
    lr_sched = get_scheduler(sched, opt, int(warmup_frac * total), total)
    for epoch in range(epochs):
        print(f"epoch {epoch} loss {0:.4f} eval_acc {0:.4f} eval_f1 {0:.4f}")


if __name__ == "__main__":
    fire.Fire(finetune)
