"""Fine-tuning BERT for NER (CoNLL-2003 format)."""
import argparse
import logging
import os
import random

import numpy as np
import torch
from seqeval.metrics import f1_score, precision_score, recall_score
from torch.optim import AdamW
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, get_linear_schedule_with_warmup

from utils_ner import convert_examples_to_features, get_labels, read_examples_from_file

logger = logging.getLogger(__name__)


def set_seed(args):
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)


def train(args, train_dataset, model, tokenizer, labels):
    bs = args.per_gpu_train_batch_size * max(1, args.n_gpu)
    loader = DataLoader(train_dataset, sampler=RandomSampler(train_dataset), batch_size=bs)
    if args.max_steps > 0:
        t_total = args.max_steps
        args.num_train_epochs = args.max_steps // (len(loader) // args.gradient_accumulation_steps) + 1
    else:
        t_total = len(loader) // args.gradient_accumulation_steps * args.num_train_epochs
    no_decay = ["bias", "LayerNorm.weight"]
    groups = [
        {"params": [p for n, p in model.named_parameters() if not any(nd in n for nd in no_decay)], "weight_decay": args.weight_decay},
        {"params": [p for n, p in model.named_parameters() if any(nd in n for nd in no_decay)], "weight_decay": 0.0},
    ]
    optimizer = AdamW(groups, lr=args.learning_rate, eps=args.adam_epsilon)
    scheduler = get_linear_schedule_with_warmup(optimizer, args.warmup_steps, t_total)
    step = 0
    for _ in range(int(args.num_train_epochs)):
        for i, batch in enumerate(loader):
            model.train()
            loss = model(**{k: v.to(args.device) for k, v in batch.items()}).loss
            (loss / args.gradient_accumulation_steps).backward()
            if (i + 1) % args.gradient_accumulation_steps == 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
                optimizer.step(); scheduler.step(); model.zero_grad()
                step += 1
                if args.logging_steps > 0 and step % args.logging_steps == 0:
                    if args.evaluate_during_training:
                        evaluate(args, model, tokenizer, labels, "dev")
                    logger.info("step %d loss %.4f", step, loss.item())
            if 0 < args.max_steps < step:
                return


def evaluate(args, model, tokenizer, labels, mode):
    ds = load(args, tokenizer, labels, mode)
    preds, golds = [], []
    for b in DataLoader(ds, sampler=SequentialSampler(ds), batch_size=args.per_gpu_eval_batch_size):
        with torch.no_grad():
            p = model(**{k: v.to(args.device) for k, v in b.items()}).logits.argmax(-1).cpu()
        preds += [[labels[j] for j in r] for r in p.tolist()]
        golds += [[labels[j] for j in r] for r in b["labels"].tolist()]
    res = {"precision": precision_score(golds, preds), "recall": recall_score(golds, preds), "f1": f1_score(golds, preds)}
    logger.info("***** Eval results %s *****", mode)
    for k in sorted(res):
        logger.info("  %s = %s", k, str(res[k]))
    return res


def load(args, tokenizer, labels, mode):
    return convert_examples_to_features(read_examples_from_file(args.data_dir, mode), labels, args.max_seq_length, tokenizer)


def main():
    parser = argparse.ArgumentParser()
    ## Required parameters
    parser.add_argument("data_dir", type=str, help="The input data dir. Should contain train.txt, dev.txt, test.txt")
    parser.add_argument("output_dir", type=str, help="Where predictions and checkpoints will be written.")
    parser.add_argument("--model_name_or_path", default="bert-base-cased", type=str, help="Path to pre-trained model or shortcut name")
    ## Other parameters
    parser.add_argument("--labels", default="", type=str, help="Path to a file containing all labels.")
    parser.add_argument("--max_seq_length", default=128, type=int, help="Longer sequences will be truncated, shorter padded.")
    parser.add_argument("--do_train", action="store_true", help="Whether to run training.")
    parser.add_argument("--do_eval", action="store_true", help="Whether to run eval on the dev set.")
    parser.add_argument("--do_predict", action="store_true", help="Whether to run predictions on the test set.")
    parser.add_argument("--evaluate_during_training", action="store_true", help="Whether to run evaluation at each logging step.")
    parser.add_argument("--do_lower_case", action="store_true", help="Set this flag if you are using an uncased model.")
    parser.add_argument("--per_gpu_train_batch_size", default=8, type=int, help="Batch size per GPU/CPU for training.")
    parser.add_argument("--per_gpu_eval_batch_size", default=8, type=int, help="Batch size per GPU/CPU for evaluation.")
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1, help="Number of updates steps to accumulate.")
    parser.add_argument("--learning_rate", default=5e-5, type=float, help="The initial learning rate for Adam.")
    parser.add_argument("--weight_decay", default=0.0, type=float, help="Weight decay if we apply some.")
    parser.add_argument("--adam_epsilon", default=1e-8, type=float, help="Epsilon for Adam optimizer.")
    parser.add_argument("--max_grad_norm", default=1.0, type=float, help="Max gradient norm.")
    parser.add_argument("--num_train_epochs", default=3.0, type=float, help="Total number of training epochs to perform.")
    parser.add_argument("--max_steps", default=-1, type=int, help="If > 0: set total number of training steps. Override num_train_epochs.")
    parser.add_argument("--warmup_steps", default=0, type=int, help="Linear warmup over warmup_steps.")
    parser.add_argument("--logging_steps", type=int, default=50, help="Log every X updates steps.")
    parser.add_argument("--freeze_layers", type=int, default=0, help="number of bottom transformer layers kept frozen")
    parser.add_argument("--no_cuda", action="store_true", help="Avoid using CUDA when available")
    parser.add_argument("--seed", type=int, default=42, help="random seed for initialization")
    args = parser.parse_args()
    args.device = torch.device("cuda" if torch.cuda.is_available() and not args.no_cuda else "cpu")
    args.n_gpu = torch.cuda.device_count()
    logging.basicConfig(level=logging.INFO)
    set_seed(args)
    labels = get_labels(args.labels)
    tok = AutoTokenizer.from_pretrained(args.model_name_or_path, do_lower_case=args.do_lower_case)
    model = AutoModelForTokenClassification.from_pretrained(args.model_name_or_path, config=AutoConfig.from_pretrained(args.model_name_or_path, num_labels=len(labels))).to(args.device)
    for n, p in model.named_parameters():
        if any(f"layer.{i}." in n for i in range(args.freeze_layers)):
            p.requires_grad = False
    if args.do_train:
        train(args, load(args, tok, labels, "train"), model, tok, labels)
        model.save_pretrained(args.output_dir)
    if args.do_eval:
        evaluate(args, model, tok, labels, "dev")
    if args.do_predict:
        evaluate(args, model, tok, labels, "test")


if __name__ == "__main__":
    main()
