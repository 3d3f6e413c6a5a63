"""Constants that belong to other data, or are applied twice."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_OTHERS = {
    "MNIST": "0.1307 and 0.3081",
    "FashionMNIST": "0.2860 and 0.3530",
    "KMNIST": "0.1918 and 0.3483",
    "CIFAR10": "0.4914, 0.4822, 0.4465 and 0.2470, 0.2435, 0.2616",
    "CIFAR100": "0.5071, 0.4865, 0.4409 and 0.2673, 0.2564, 0.2762",
    "SVHN": "0.4377, 0.4438, 0.4728 and 0.1980, 0.2010, 0.1970",
}
_NORMALIZE = ("torchvision.transforms.Normalize", "torchvision.transforms.v2.Normalize")


class Rule:
    """Constants that belong to other data, or are applied twice.

    ## What it does
    Reports ImageNet's mean and deviation on a small data set that has its own and no pretrained model, two
    `Normalize` in one pipeline, `ToTensor` followed by a division by 255, and label smoothing in the loss
    of an evaluation.

    ## Why is this bad
    Inputs that are scaled twice are nearly zero; the wrong constants shift them. A smoothed validation
    loss does not compare with one that is not.

    ## Known problems
    A question of taste in many cases, so only told when selected. Silent where a model is pretrained.

    ## Example
    ```python
    transform = Compose([ToTensor(), Lambda(lambda x: x / 255), Normalize(mean, std)])
    ```

    ## Use instead
    ```python
    transform = Compose([ToTensor(), Normalize(mean, std)])
    ```

    ## Fix safety
    There is no automatic fix: which constants are meant is the author's choice.

    ## References
    - https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html
    - Real case: https://github.com/aladdinpersson/Machine-Learning-Collection/issues/65.
    """

    severity: Severity = "note"
    level: Level = "possible"

    def check(self, code: Code) -> Iterator[Claim]:
        """The constants of one file that do not fit what they are used on."""
        if code.mentions("Normalize", "ToTensor"):
            yield from _foreign(code)
            for call, _ in code.known("transforms", "chain"):
                yield from _twice(code, call)
        if code.mentions("label_smoothing"):
            yield from _smoothed(code)


def _foreign(code: Code) -> Iterator[Claim]:
    names = [f"torchvision.datasets.{n}" for n in _OTHERS]
    used = {(c.name or "").rpartition(".")[2] for c in code.calls(*names)}
    if len(used) != 1 or code.mentions("pretrained", "weights=", "from_pretrained", "timm"):
        return
    data = used.pop()
    for call in code.calls(*_NORMALIZE):
        mean = _numbers(call.arg(0, "mean"))
        if mean is not None and mean == _IMAGENET[0]:
            yield code.claim(
                call.node,
                f"the mean and deviation of ImageNet are used on {data}",
                f"use those of {data}: {_OTHERS[data]}",
                confidence=0.8,
            )


def _numbers(given: ast.expr | None) -> tuple[object, ...] | None:
    if not isinstance(given, ast.List | ast.Tuple):
        return None
    return tuple(e.value for e in given.elts if isinstance(e, ast.Constant))


def _twice(code: Code, call: Call) -> Iterator[Claim]:
    given = call.arg(0, "transforms")
    parts = given.elts if isinstance(given, ast.List | ast.Tuple) else []
    calls = [code.call(p, call.where) for p in parts if isinstance(p, ast.Call)]
    normal = [c for c in calls if c.name in _NORMALIZE]
    if len(normal) > 1:
        yield code.claim(
            normal[1].node,
            "the pipeline normalises twice",
            "leave one `Normalize`",
            because=[code.step("the first time", normal[0].node)],
            confidence=0.85,
        )
    seen = False
    for part in calls:
        text = ast.unparse(part.node)
        if seen and part.method == "Lambda" and ("/ 255" in text or "div(255" in text):
            yield code.claim(
                part.node,
                "`ToTensor` has already scaled the values to 0…1, and they are divided by 255 again",
                "leave the division out",
                confidence=0.85,
            )
        seen = seen or part.method == "ToTensor"


def _smoothed(code: Code) -> Iterator[Claim]:
    for call, _ in code.known("losses"):
        smoothing = call.option("label_smoothing", 0)
        if smoothing in (0, 0.0, ...) or (call.name or "").endswith("Loss"):
            continue
        loop = next(iter(code.loops(call.node)), None)
        if loop is not None and code.evaluates(loop) is not None:
            yield code.claim(
                call.node,
                f"the loss of an evaluation is smoothed by {smoothing}",
                "evaluate with a loss without label smoothing",
                confidence=0.8,
            )
