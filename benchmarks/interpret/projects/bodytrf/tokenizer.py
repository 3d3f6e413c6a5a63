import torch


class Pairs:
    def __init__(self, pairs):
        self.pairs = pairs

    def batches(self, size):
        for i in range(0, len(self.pairs), size):
            src, tgt = zip(*self.pairs[i : i + size])
            yield torch.tensor(src), torch.tensor(tgt)


def load_pairs(src, tgt, vocab_size, max_tokens):
    return Pairs(torch.load(f"{src}-{tgt}.train.pt")), Pairs(torch.load(f"{src}-{tgt}.valid.pt"))
