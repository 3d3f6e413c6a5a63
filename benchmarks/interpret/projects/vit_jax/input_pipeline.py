import tensorflow as tf
import tensorflow_datasets as tfds


def make_dataset(name, res, batch, aug, seed):
    from randaug import rand_augment
    b = tfds.builder(name)
    nc = b.info.features["label"].num_classes

    def tr(ex):
        im = ex["image"]
        box, size, _ = tf.image.sample_distorted_bounding_box(tf.shape(im), tf.zeros([0, 0, 4]), area_range=(aug.crop_min, 1.0), use_image_if_no_bounding_boxes=True)
        im = tf.image.resize(tf.slice(im, box, size), (res, res))
        if aug.flip:
            im = tf.image.random_flip_left_right(im)
        if aug.randaug_layers:
            im = rand_augment(im, aug.randaug_layers, aug.randaug_magnitude)
        return im / 127.5 - 1, tf.one_hot(ex["label"], nc)

    def mix(x, y):
        if not aug.mixup:
            return x, y
        lam = tf.random.stateless_uniform([], (seed, 0)) * aug.mixup
        return (1 - lam) * x + lam * tf.reverse(x, [0]), (1 - lam) * y + lam * tf.reverse(y, [0])

    train = b.as_dataset(split="train", shuffle_files=True).map(tr).shuffle(50_000, seed).batch(batch, True).map(mix)
    val = b.as_dataset(split="validation").map(lambda e: (tf.image.resize(e["image"], (res, res)) / 127.5 - 1, tf.one_hot(e["label"], nc))).batch(batch)
    info = type("Info", (), dict(classes=nc, n_train=b.info.splits["train"].num_examples, n_val=b.info.splits["validation"].num_examples))
    return tfds.as_numpy(train), tfds.as_numpy(val), info
