import ml_collections

def get_config():
    c = ml_collections.ConfigDict()
    c.seed = 42
    c.dataset = "cifar100"
    c.batch_size = 512
    c.num_steps = 20_000
    c.eval_every = 1_000
    c.model = model = ml_collections.ConfigDict()
    model.patch = 4
    model.dim = 192
    model.depth = 9
    model.heads = 3
    model.dropout_rate = 0.1
    c.optim = ml_collections.ConfigDict(dict(
        lr=5e-4,
        warmup_steps=1000,
        weight_decay=0.05,
        clip=1.0))
    c.restore_from = ml_collections.config_dict.placeholder(str)
    return c
