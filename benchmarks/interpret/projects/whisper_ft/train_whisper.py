"""Finetune Whisper on Common Voice. Settings live in the Seq2SeqTrainingArguments below."""
from dataclasses import dataclass
from typing import Any

import evaluate
import torch
from datasets import Audio, load_dataset
from transformers import (
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

MODEL = "openai/whisper-small"
LANGUAGE = "hindi"
LANG_CODE = "hi"
FREEZE_ENCODER = False
APPLY_SPEC_AUGMENT = False
MAX_LABEL_LENGTH = 448
MIN_AUDIO_SECONDS = 0.5
MAX_AUDIO_SECONDS = 30.0
LOWERCASE = True
REMOVE_PUNCTUATION = True

processor = WhisperProcessor.from_pretrained(MODEL, language=LANGUAGE, task="transcribe")
model = WhisperForConditionalGeneration.from_pretrained(MODEL)
model.config.forced_decoder_ids = None
model.config.apply_spec_augment = APPLY_SPEC_AUGMENT
if FREEZE_ENCODER:
    model.freeze_encoder()

cv = {
    "train": load_dataset("mozilla-foundation/common_voice_11_0", LANG_CODE, split="train+validation"),
    "test": load_dataset("mozilla-foundation/common_voice_11_0", LANG_CODE, split="test"),
}


def normalize(s):
    if LOWERCASE:
        s = s.lower()
    if REMOVE_PUNCTUATION:
        s = "".join(c for c in s if c not in ".,!?;:\"'")
    return s


def prepare(batch):
    audio = batch["audio"]
    batch["input_features"] = processor.feature_extractor(audio["array"], sampling_rate=audio["sampling_rate"]).input_features[0]
    batch["labels"] = processor.tokenizer(normalize(batch["sentence"])).input_ids
    batch["seconds"] = len(audio["array"]) / audio["sampling_rate"]
    return batch


for k in cv:
    cv[k] = cv[k].cast_column("audio", Audio(sampling_rate=16000)).map(prepare)
cv["train"] = cv["train"].filter(
    lambda s, l: MIN_AUDIO_SECONDS < s < MAX_AUDIO_SECONDS and len(l) < MAX_LABEL_LENGTH, input_columns=["seconds", "labels"])


@dataclass
class Collator:
    processor: Any

    def __call__(self, feats):
        b = self.processor.feature_extractor.pad([{"input_features": f["input_features"]} for f in feats], return_tensors="pt")
        lab = self.processor.tokenizer.pad([{"input_ids": f["labels"]} for f in feats], return_tensors="pt")
        b["labels"] = lab["input_ids"].masked_fill(lab.attention_mask.ne(1), -100)
        return b


wer_metric = evaluate.load("wer")
cer_metric = evaluate.load("cer")


def compute_metrics(pred):
    ids = pred.label_ids
    ids[ids == -100] = processor.tokenizer.pad_token_id
    hyp = processor.batch_decode(pred.predictions, skip_special_tokens=True)
    ref = processor.batch_decode(ids, skip_special_tokens=True)
    return {"wer": 100 * wer_metric.compute(predictions=hyp, references=ref),
            "cer": 100 * cer_metric.compute(predictions=hyp, references=ref)}


training_args = Seq2SeqTrainingArguments(
    output_dir="./whisper-small-hi",
    per_device_train_batch_size=16,
    per_device_eval_batch_size=8,
    gradient_accumulation_steps=1,
    learning_rate=1e-5,
    weight_decay=0.0,
    warmup_steps=500,
    max_steps=4000,
    lr_scheduler_type="linear",
    gradient_checkpointing=True,
    fp16=True,
    eval_strategy="steps",
    eval_steps=1000,
    save_steps=1000,
    logging_steps=25,
    predict_with_generate=True,
    generation_max_length=225,
    generation_num_beams=1,
    label_smoothing_factor=0.0,
    load_best_model_at_end=True,
    metric_for_best_model="wer",
    greater_is_better=False,
    report_to=["tensorboard"],
    seed=42,
)

trainer = Seq2SeqTrainer(
    args=training_args,
    model=model,
    train_dataset=cv["train"],
    eval_dataset=cv["test"],
    data_collator=Collator(processor),
    compute_metrics=compute_metrics,
    tokenizer=processor.feature_extractor,
)

if __name__ == "__main__":
    trainer.train()
