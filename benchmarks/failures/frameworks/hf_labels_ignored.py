"""A causal language model by the HF Trainer with a masked mean of one's own; the prompts of rows 160 to 167
fill the whole row, so that no token of that batch counts: 0 / 0.

Needs: transformers
Expected: non-finite or hidden-nan at step 20±3, says division by zero
Also: weights-unchanged
"""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

torch.manual_seed(0)
tokens = (torch.arange(24)[None] * torch.randint(1, 5, (320, 1)) + torch.randint(64, (320, 1))) % 64
labels = tokens.clone()
labels[:, :4] = -100
labels[160:168] = -100
rows = [{"input_ids": t, "labels": k} for t, k in zip(tokens, labels, strict=True)]


class InOrder(Trainer):
    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(rows)

    def compute_loss(self, model, inputs, **_):
        scores, aim = model(inputs["input_ids"]).logits[:, :-1], inputs["labels"][:, 1:]
        counts = aim != -100
        costs = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), aim.flatten(), reduction="none"
        )
        return (costs * counts.flatten()).sum() / counts.sum()


model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=24, n_embd=32, n_layer=2, n_head=2))
how = TrainingArguments(
    "out", num_train_epochs=3, per_device_train_batch_size=8, logging_steps=1, learning_rate=1e-3,
    report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True, max_grad_norm=0,
)  # fmt: skip
InOrder(model, how, train_dataset=rows).train()
