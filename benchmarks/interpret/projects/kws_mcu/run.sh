#!/bin/bash
# keyword spotting for the M4 board
export ARCH=${ARCH:-dscnn}
export LR=${LR:-0.0005}
python train_kws.py
