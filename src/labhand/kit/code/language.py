"""What is known of language models: of what kind one is, what tokenizes, what pads, what shifts."""

import ast
import re
from collections.abc import Iterable

from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.origins import origins
from labhand.kit.code.project import Project, Where

_CAUSAL = re.compile(r"(ForCausalLM|LMHeadModel|CausalLM)\b")
_PAIRED = re.compile(
    r"(ForConditionalGeneration|Seq2SeqLM|EncoderDecoderModel|VisionEncoderDecoder)"
)
_OTHER = re.compile(r"(ForMaskedLM|ForSequenceClassification|ForTokenClassification)")
_WRAPS = ("peft.get_peft_model", "peft.PeftModel.from_pretrained", "torch.compile")
_TOKENIZES = re.compile(r"(^|[._])(tokeni[sz]er|tok|processor)\w*$", re.I)
_PADS = (True, "longest", "max_length")


def model_kind(project: Project, model: ast.expr, where: Where, depth: int = 3) -> str | None:
    """`causal` or `paired` (encoder and decoder), where a model is surely one of transformers'.

    A parameter that nobody passes, or something unknown, is taken for what the file itself loads, where
    that is of one kind and it is named as a model.
    """
    kinds = set()
    for origin in origins(project, model, where):
        if origin.kind == "made" and origin.name in _WRAPS and depth:
            made, place = origin.expression, origin.where
            if isinstance(made, ast.Call) and made.args and place is not None:
                kinds.add(model_kind(project, made.args[0], place, depth - 1))
        elif origin.kind == "made":
            kinds.add(_kind_of(origin.name) if "transformers" in origin.name else "other")
        elif origin.kind in ("parameter", "unknown"):
            kinds.add(_by_file(model, where))
        else:
            kinds.add("other")
    return kinds.pop() if len(kinds) == 1 else None


def _kind_of(name: str) -> str:
    return "causal" if _CAUSAL.search(name) else "paired" if _PAIRED.search(name) else "other"


def _by_file(model: ast.expr, where: Where) -> str | None:
    last = ast.unparse(model).rpartition(".")[2].lower()
    if "model" not in last and last not in ("lm", "llm", "net", "policy"):
        return None
    text = where.source.text
    causal, paired = bool(_CAUSAL.search(text)), bool(_PAIRED.search(text))
    if _OTHER.search(text) or causal == paired:
        return None
    return "causal" if causal else "paired"


def tokenizes(call: Call) -> bool:
    """Whether a call surely turns text into tokens by a tokenizer of transformers."""
    if call.method == "__call__" or call.target is not None:
        return False
    function = call.node.func
    if isinstance(function, ast.Attribute) and call.method in ("batch_encode_plus", "encode_plus"):
        function = function.value
    elif isinstance(function, ast.Attribute) and call.method in ("pad", "encode", "decode"):
        return False
    found = origins(call.project, function, call.where)
    if all(o.kind == "made" and "transformers" in o.name for o in found):
        return all("Tokenizer" in o.name or "Processor" in o.name for o in found)
    unknown = all(o.kind in ("parameter", "unknown") for o in found)
    named = bool(_TOKENIZES.search(ast.unparse(function)))
    return unknown and named and "transformers" in call.where.source.text


def pads(call: Call) -> bool:
    """Whether a tokenizer's call surely pads several texts to one length."""
    if call.option("padding") not in _PADS and call.option("pad_to_max_length") is not True:
        return False
    return not _single(call)


def _single(call: Call) -> bool:
    """Whether it is given one text, which needs no padding to be a batch."""
    if call.option("padding") == "max_length":
        return False
    given = call.arg(0, "text")
    if given is None:
        return False
    if isinstance(given, ast.List | ast.Tuple):
        return len(given.elts) <= 1 and not any(isinstance(e, ast.Starred) for e in given.elts)
    if isinstance(given, ast.Constant | ast.JoinedStr):
        return True
    if isinstance(given, ast.Name):
        _, bindings = call.project.reaching(given, call.where)
        values = [b.value for b in bindings]
        texts = [v for v in values if isinstance(v, ast.Constant | ast.JoinedStr)]
        return bool(values) and len(texts) == len(values)
    return False


def tokenizer_behind(project: Project, spots: Iterable[tuple[ast.expr, Where]]) -> Call | None:
    """The first call among some expressions that tokenizes with padding."""
    for node, where in spots:
        if isinstance(node, ast.Call):
            call = call_of(project, node, where)
            given = (call.option("padding"), call.option("pad_to_max_length"))
            if given != (None, None) and tokenizes(call) and pads(call):
                return call
    return None


def shift(node: ast.AST) -> str | None:
    """`next` for `x[:, 1:]`, `x[..., 1:]`, `x[1:]`; `drop` for `x[:, :-1]` and its like; else None."""
    if not isinstance(node, ast.Subscript):
        return None
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if len(parts) == 3 and _is_whole(parts[2]):
        parts = parts[:2]  # logits: [..., :-1, :]
    last = parts[-1]
    front = all(_is_whole(p) for p in parts[:-1])
    if not isinstance(last, ast.Slice) or last.step is not None or not front:
        return None
    lower, upper = _number(last.lower), _number(last.upper)
    if lower == 1 and last.upper is None:
        return "next"
    return "drop" if last.lower is None and upper == -1 else None


def _is_whole(part: ast.expr) -> bool:
    if isinstance(part, ast.Constant):
        return part.value is ...
    return isinstance(part, ast.Slice) and part.lower is None and part.upper is None


def _number(part: ast.expr | None) -> object:
    match part:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return None
