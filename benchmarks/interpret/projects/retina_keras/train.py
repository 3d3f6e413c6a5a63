# diabetic retinopathy grading, EfficientNet + keras
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras
import pandas as pd
import tensorflow as tf
from keras import layers

# ---------------------------------------------------------------- settings
DATA = "/data/aptos"
IMG = 380                  # pixels
BACKBONE = "EfficientNetB4"
PRETRAINED = True
N_CLASSES = 5

BATCH = 16
HEAD_EPOCHS = 3            # phase 1: backbone frozen
FT_EPOCHS = 20             # phase 2: all weights
HEAD_LR = 1e-3
FT_LR = 1e-4
OPTIMIZER = "adam"         # adam, sgd, rmsprop
DROP = 0.4                 # before the last layer
LABEL_SMOOTH = 0.1
CLASS_WEIGHTS = False      # weigh rare grades up
ROTATE = 15                # degrees
ZOOM = 0.1
FLIP = True
ES_PATIENCE = 5
MIXED = True               # float16 compute
VAL_SHARE = 0.2
SEED = 3407
OUT = "models/b4.keras"


def dataset(frame, training):
    ds = tf.data.Dataset.from_tensor_slices((frame.path.values, frame.grade.values))

    def load(path, grade):
        img = tf.image.decode_png(tf.io.read_file(path), 3)
        return tf.image.resize(img, (IMG, IMG)), tf.one_hot(grade, N_CLASSES)

    ds = ds.map(load, tf.data.AUTOTUNE)
    if training:
        ds = ds.shuffle(2048, seed=SEED)
    return ds.batch(BATCH).prefetch(2)


def build():
    base = getattr(keras.applications, BACKBONE)(include_top=False, weights="imagenet" if PRETRAINED else None, pooling="avg")
    inp = keras.Input((IMG, IMG, 3))
    x = layers.RandomRotation(ROTATE / 360)(inp)
    x = layers.RandomZoom(ZOOM)(x)
    if FLIP:
        x = layers.RandomFlip()(x)
    x = layers.Dropout(DROP)(base(x))
    return base, keras.Model(inp, layers.Dense(N_CLASSES, activation="softmax", dtype="float32")(x))


def compile_(model, lr):
    opt = keras.optimizers.get({"class_name": OPTIMIZER, "config": {"learning_rate": lr}})
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTH)
    model.compile(opt, loss, metrics=["accuracy", keras.metrics.AUC(name="auc")])


def main():
    keras.utils.set_random_seed(SEED)
    if MIXED:
        keras.mixed_precision.set_global_policy("mixed_float16")
    frame = pd.read_csv(f"{DATA}/train.csv").sample(frac=1, random_state=SEED)
    cut = int(len(frame) * VAL_SHARE)
    val, train = dataset(frame[:cut], False), dataset(frame[cut:], True)
    weights = (1 / frame.grade.value_counts(normalize=True)).to_dict() if CLASS_WEIGHTS else None
    base, model = build()
    base.trainable = False
    compile_(model, HEAD_LR)
    model.fit(train, validation_data=val, epochs=HEAD_EPOCHS, class_weight=weights)
    base.trainable = True
    compile_(model, FT_LR)
    stop = keras.callbacks.EarlyStopping("val_auc", mode="max", patience=ES_PATIENCE, restore_best_weights=True)
    model.fit(train, validation_data=val, epochs=FT_EPOCHS, class_weight=weights, callbacks=[stop])
    model.save(OUT)
    print(dict(zip(model.metrics_names, model.evaluate(val))))  # val_auc, val_accuracy


if __name__ == "__main__":
    main()
