import argparse
import json
import os
import random
import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup

parser = argparse.ArgumentParser()
parser.add_argument('--query_encoder', type=str, default='distilbert-base-uncased')
parser.add_argument('--doc_encoder', type=str, default='distilbert-base-uncased')
parser.add_argument('--tie', type=int, default=0, choices=[0, 1], help='1: both towers share weights')
parser.add_argument('--train_file', type=str, default='msmarco/train.jsonl')
parser.add_argument('--dev_file', type=str, default='msmarco/dev.jsonl')
parser.add_argument('--q_len', type=int, default=32)
parser.add_argument('--d_len', type=int, default=180)
parser.add_argument('--pooling', type=str, default='cls', choices=['cls', 'mean'])
parser.add_argument('--proj_dim', type=int, default=0, help='0 = no projection')
parser.add_argument('--temp', type=float, default=0.05, help='softmax temperature')
parser.add_argument('--sim', type=str, default='cos', choices=['cos', 'dot'])
parser.add_argument('--hard_negs', type=int, default=1, help='hard negatives per query')
parser.add_argument('--neg_source', type=str, default='bm25', choices=['bm25', 'ance', 'random'])
parser.add_argument('--lr_q', type=float, default=2e-5)
parser.add_argument('--lr_d', type=float, default=2e-5)
parser.add_argument('--bsz', type=int, default=64)
parser.add_argument('--accum_steps', type=int, default=1)
parser.add_argument('--max_steps', type=int, default=20000)
parser.add_argument('--warmup_steps', type=int, default=1000)
parser.add_argument('--eval_steps', type=int, default=2000)
parser.add_argument('--save_steps', type=int, default=5000)
parser.add_argument('--weight_decay', type=float, default=0.01)
parser.add_argument('--max_grad_norm', type=float, default=1.0)
parser.add_argument('--no_amp', action='store_true')
parser.add_argument('--freeze_doc', action='store_true', help="don't train the document tower")
parser.add_argument('--out_dir', type=str, default='models/twin')
parser.add_argument('--seed', type=int, default=13)
opt = parser.parse_args()


def seed_all(s):
    random.seed(s); np.random.seed(s); torch.manual_seed(s)


def embed(model, tok, texts, length):
    enc = tok(texts, truncation=True, max_length=length, padding=True, return_tensors='pt')
    hid = model(**enc).last_hidden_state
    vec = hid[:, 0] if opt.pooling == 'cls' else hid.mean(1)
    return F.normalize(vec, dim=-1) if opt.sim == 'cos' else vec


def batches(path):
    rows = [json.loads(l) for l in open(path)]
    while True:
        random.shuffle(rows)
        for i in range(0, len(rows), opt.bsz):
            yield rows[i:i + opt.bsz]


def main():
    seed_all(opt.seed)
    tok = AutoTokenizer.from_pretrained(opt.query_encoder)
    qm = AutoModel.from_pretrained(opt.query_encoder)
    dm = qm if opt.tie else AutoModel.from_pretrained(opt.doc_encoder)
    groups = [{'params': qm.parameters(), 'lr': opt.lr_q}]
    if not (opt.tie or opt.freeze_doc):
        groups.append({'params': dm.parameters(), 'lr': opt.lr_d})
    adam = torch.optim.AdamW(groups, weight_decay=opt.weight_decay)
    sched = get_linear_schedule_with_warmup(adam, opt.warmup_steps, opt.max_steps)
    for step, rows in zip(range(1, opt.max_steps + 1), batches(opt.train_file)):
        with torch.autocast('cuda', enabled=not opt.no_amp):
            q = embed(qm, tok, [r['query'] for r in rows], opt.q_len)
            d = embed(dm, tok, [r['pos'] for r in rows] + [n for r in rows for n in r['negs'][:opt.hard_negs]], opt.d_len)
            loss = F.cross_entropy(q @ d.T / opt.temp, torch.arange(len(q)))
        (loss / opt.accum_steps).backward()
        if step % opt.accum_steps == 0:
            torch.nn.utils.clip_grad_norm_(qm.parameters(), opt.max_grad_norm)
            adam.step(); sched.step(); adam.zero_grad()
        if step % opt.eval_steps == 0:
            print('step %d loss %.4f mrr@10 %.4f recall@100 %.4f' % (step, loss.item(), 0., 0.))
        if step % opt.save_steps == 0:
            torch.save(qm.state_dict(), os.path.join(opt.out_dir, '%d.pt' % step))


if __name__ == '__main__':
    main()
