from enum import Enum
from pathlib import Path
from typing import Annotated, Optional
import torch, torch.nn.functional as F, typer
from transformers import AutoConfig, AutoModelForSequenceClassification as AMSC, AutoTokenizer
from datasets import load_dataset

class Sched(str, Enum):
    linear = "linear"
    constant = "constant"

app = typer.Typer(pretty_exceptions_enable=False)

@app.command()
def main(
    teacher: Annotated[str, typer.Argument(help="teacher checkpoint")],
    student_layers: Annotated[int, typer.Option("--layers", "-L", min=1)] = 4,
    student_dim: Annotated[int, typer.Option(help="hidden size")] = 312,
    task: Annotated[str, typer.Option(envvar="GLUE_TASK")] = "mrpc",
    alpha: Annotated[float, typer.Option(min=0, max=1)] = 0.5,
    temp: float = 2.0,
    lr: float = 5e-5,
    epochs: Annotated[int, typer.Option("-e", "--epochs")] = 10,
    batch_size: Annotated[int, typer.Option("-b")] = 32,
    max_length: int = 128,
    sched: Sched = Sched.linear,
    fp16: Annotated[bool, typer.Option("--fp16/--fp32")] = False,
    out: Optional[Path] = None,
    seed: int = 42,
):
    torch.manual_seed(seed)
    tok = AutoTokenizer.from_pretrained(teacher)
    T = AMSC.from_pretrained(teacher).eval().cuda()
    c = AutoConfig.from_pretrained(teacher, num_hidden_layers=student_layers, hidden_size=student_dim,
                                   intermediate_size=4 * student_dim, num_attention_heads=12)
    S = AMSC.from_config(c).cuda()
    ds = load_dataset("glue", task)["train"]
    opt = torch.optim.AdamW(S.parameters(), lr)
    steps = epochs * len(ds) // batch_size
    sc = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: max(0, 1 - s / steps) if sched is Sched.linear else 1)
    for ep in range(epochs):
        ds = ds.shuffle(seed + ep)
        for i in range(0, len(ds), batch_size):
            b = ds[i:i + batch_size]
            x = tok(b["sentence1"], b["sentence2"], padding=True, truncation=True, max_length=max_length, return_tensors="pt").to("cuda")
            y = torch.tensor(b["label"]).cuda()
            with torch.autocast("cuda", enabled=fp16):
                with torch.no_grad():
                    t = T(**x).logits
                s = S(**x).logits
                kd = F.kl_div(F.log_softmax(s / temp, -1), F.softmax(t / temp, -1), reduction="batchmean") * temp ** 2
                loss = alpha * kd + (1 - alpha) * F.cross_entropy(s, y)
            opt.zero_grad(); loss.backward(); opt.step(); sc.step()
        typer.echo(f"epoch {ep}: {loss.item():.4f}")
    if out:
        S.save_pretrained(out)

if __name__ == "__main__":
    app()
