"""Answers of a causal model to a batch of prompts, scored; runs where the model is at hand."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

QUESTIONS = [("The capital of France is", "Paris"), ("Two and two is", "four")]


def load(name):
    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(name)
    model.eval()
    return tokenizer, model


@torch.no_grad()
def answer(tokenizer, model, prompts):
    batch = tokenizer(prompts, padding=True, return_tensors="pt")
    out = model.generate(**batch, max_new_tokens=8, do_sample=False)
    return tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)


def main():
    tokenizer, model = load("gpt2")
    answers = answer(tokenizer, model, [question for question, _ in QUESTIONS])
    hits = sum(wanted in given for given, (_, wanted) in zip(answers, QUESTIONS))
    print("exact match", hits / len(QUESTIONS))


if __name__ == "__main__":
    main()
