#!/bin/bash
# fine-tune whisper on dialect recordings
set -e
export CHECKPOINT=${CHECKPOINT:-openai/whisper-small}
export LANGUAGE=${LANGUAGE:-de}
export TRAIN_MANIFEST=${TRAIN_MANIFEST:-lists/train.json}
export TEST_MANIFEST=${TEST_MANIFEST:-lists/test.json}
python finetune.py
