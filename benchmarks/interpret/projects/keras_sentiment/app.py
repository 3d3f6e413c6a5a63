"""Sentiment model trained inside the container; everything is configured by environment."""
import json
import os
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

MODEL_TYPE = os.environ.get("MODEL_TYPE", "bilstm")  # bilstm, cnn, transformer
EMBED_DIM = int(os.environ.get("EMBED_DIM", 128))
UNITS = int(os.environ.get("UNITS", "64"))
NUM_LAYERS = int(os.getenv("NUM_LAYERS", "1"))
DROPOUT = float(os.getenv("DROPOUT", "0.3"))
VOCAB_SIZE = int(os.environ.get("VOCAB_SIZE", 20000))
MAX_TOKENS = int(os.environ.get("MAX_TOKENS", 200))  # reviews are cut after that many tokens
LEARNING_RATE = float(os.environ.get("LEARNING_RATE", "0.001"))
OPTIMIZER = os.environ.get("OPTIMIZER", "adam")
BATCH_SIZE = int(os.environ.get("BATCH_SIZE", "32"))
EPOCHS = int(os.environ.get("EPOCHS", "10"))
EARLY_STOP = int(os.environ.get("EARLY_STOP", "2"))  # patience in epochs, 0 disables
USE_GLOVE = os.environ.get("USE_GLOVE", "0") == "1"
TRAIN_EMBEDDINGS = os.environ.get("TRAIN_EMBEDDINGS", "1") == "1"
CLASS_WEIGHT = os.environ.get("CLASS_WEIGHT", "none")  # none | balanced
VAL_SPLIT = float(os.environ.get("VAL_SPLIT", "0.2"))
SEED = int(os.environ.get("SEED", "0"))
DATA_DIR = pathlib.Path(os.environ.get("DATA_DIR", "/data"))
MODEL_DIR = os.environ.get("MODEL_DIR", "/model")


def load():
    (x, y), (xt, yt) = keras.datasets.imdb.load_data(num_words=VOCAB_SIZE)
    pad = lambda s: keras.utils.pad_sequences(s, maxlen=MAX_TOKENS)
    return pad(x), y, pad(xt), yt


def embedding():
    if not USE_GLOVE:
        return layers.Embedding(VOCAB_SIZE, EMBED_DIM, trainable=TRAIN_EMBEDDINGS, mask_zero=True)
    table = np.zeros((VOCAB_SIZE, EMBED_DIM), "float32")
    index = keras.datasets.imdb.get_word_index()
    with open(DATA_DIR / f"glove.6B.{EMBED_DIM}d.txt") as f:
        for line in f:
            w, *v = line.split()
            i = index.get(w, VOCAB_SIZE) + 3
            if i < VOCAB_SIZE:
                table[i] = v
    return layers.Embedding(VOCAB_SIZE, EMBED_DIM, weights=[table], trainable=TRAIN_EMBEDDINGS)


def encoder(x):
    if MODEL_TYPE == "bilstm":
        for i in range(NUM_LAYERS):
            x = layers.Bidirectional(layers.LSTM(UNITS, return_sequences=i < NUM_LAYERS - 1))(x)
        return x
    if MODEL_TYPE == "cnn":
        for _ in range(NUM_LAYERS):
            x = layers.Conv1D(UNITS, 5, activation="relu", padding="same")(x)
        return layers.GlobalMaxPooling1D()(x)
    if MODEL_TYPE == "transformer":
        for _ in range(NUM_LAYERS):
            a = layers.MultiHeadAttention(4, EMBED_DIM // 4, dropout=DROPOUT)(x, x)
            x = layers.LayerNormalization()(x + a)
            h = layers.Dense(EMBED_DIM)(layers.Dense(UNITS, activation="relu")(x))
            x = layers.LayerNormalization()(x + h)
        return layers.GlobalAveragePooling1D()(x)
    raise ValueError(MODEL_TYPE)


def main():
    keras.utils.set_random_seed(SEED)
    x, y, xt, yt = load()
    inp = keras.Input((MAX_TOKENS,), dtype="int32")
    h = layers.Dropout(DROPOUT)(encoder(embedding()(inp)))
    model = keras.Model(inp, layers.Dense(1, activation="sigmoid")(h))
    opt = keras.optimizers.get({"class_name": OPTIMIZER, "config": {"learning_rate": LEARNING_RATE}})
    model.compile(opt, "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    cb = [keras.callbacks.ModelCheckpoint(f"{MODEL_DIR}/best.keras", save_best_only=True)]
    if EARLY_STOP:
        cb.append(keras.callbacks.EarlyStopping("val_loss", patience=EARLY_STOP, restore_best_weights=True))
    cw = None
    if CLASS_WEIGHT == "balanced":
        n = np.bincount(y)
        cw = {i: len(y) / (2 * c) for i, c in enumerate(n)}
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, validation_split=VAL_SPLIT, callbacks=cb, class_weight=cw)
    loss, acc, auc = model.evaluate(xt, yt)
    print(json.dumps({"test_loss": loss, "test_accuracy": acc, "test_auc": auc}))


if __name__ == "__main__":
    main()
