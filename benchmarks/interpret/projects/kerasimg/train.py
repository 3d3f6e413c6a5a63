import tensorflow as tf
from tensorflow.keras import layers

IMG = 96
BATCH = 32
EPOCHS = 15
LR = 1e-3
BASE = "MobileNetV2"
FREEZE_BASE = True
DENSE = 128
DROP = 0.3
AUG_FLIP = True
AUG_ROT = 0.1
AUG_ZOOM = 0.0
LABEL_SMOOTH = 0.0
FINE_TUNE_AT = 100
SEED = 1

tf.keras.utils.set_random_seed(SEED)
train, val = tf.keras.utils.image_dataset_from_directory("flowers", image_size=(IMG, IMG), batch_size=BATCH, validation_split=0.2, subset="both", seed=SEED)
base = getattr(tf.keras.applications, BASE)(include_top=False, input_shape=(IMG, IMG, 3))
base.trainable = not FREEZE_BASE
aug = [layers.RandomRotation(AUG_ROT), layers.RandomZoom(AUG_ZOOM)]
if AUG_FLIP:
    aug.append(layers.RandomFlip("horizontal"))
model = tf.keras.Sequential([*aug, base, layers.GlobalAveragePooling2D(), layers.Dense(DENSE, activation="relu"), layers.Dropout(DROP), layers.Dense(5)])
model.compile(tf.keras.optimizers.Adam(LR), loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=LABEL_SMOOTH), metrics=["accuracy"])
model.fit(train, validation_data=val, epochs=EPOCHS, callbacks=[tf.keras.callbacks.EarlyStopping("val_accuracy", patience=4)])
