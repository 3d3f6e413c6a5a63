import evaluate
import numpy as np
from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

MODEL = "distilbert-base-uncased"
TASK = "sst2"
MAX_LENGTH = 128

tok = AutoTokenizer.from_pretrained(MODEL)
ds = load_dataset("glue", TASK).map(lambda b: tok(b["sentence"], truncation=True, max_length=MAX_LENGTH), batched=True)
model = AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=2)
metric = evaluate.load("glue", TASK)

args = TrainingArguments(
    output_dir="out",
    learning_rate=2e-5,
    per_device_train_batch_size=32,
    per_device_eval_batch_size=64,
    num_train_epochs=3,
    weight_decay=0.01,
    warmup_ratio=0.06,
    lr_scheduler_type="linear",
    eval_strategy="epoch",
    save_strategy="epoch",
    load_best_model_at_end=True,
    logging_steps=50,
    fp16=False,
    gradient_accumulation_steps=1,
    seed=42,
    report_to="none",
)


def compute_metrics(p):
    return metric.compute(predictions=np.argmax(p.predictions, -1), references=p.label_ids)


trainer = Trainer(model, args, train_dataset=ds["train"], eval_dataset=ds["validation"], compute_metrics=compute_metrics)
trainer.train()
print(trainer.evaluate())
