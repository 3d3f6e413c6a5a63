import random

import torchvision.transforms as T
import webdataset as wds


def get_loaders(d):
    from tokenizer import tokenize
    crop = T.RandomResizedCrop(d.image_size, (0.9, 1.0)) if d.random_crop else T.CenterCrop(d.image_size)
    tf = T.Compose([crop, T.ToTensor()])

    def text(s):
        return tokenize("" if random.random() < d.caption_dropout else s, d.context_length)

    ds = wds.WebDataset(d.train_shards, shardshuffle=True).decode("pil").to_tuple("jpg", "txt").map_tuple(tf, text)
    train = wds.WebLoader(ds.batched(d.batch_size), batch_size=None, num_workers=d.workers)
    from coco import CocoPairs
    return train, CocoPairs(d.val_csv, d.image_size, d.context_length)
