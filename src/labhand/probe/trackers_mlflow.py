"""mlflow: the fluent functions and the client under them."""

from __future__ import annotations

import sys

from .trackers import mirror
from .wrap import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .session import Session


def arm_fluent(fluent: ModuleType, session: Session) -> None:
    """Mirrors `mlflow.log_metric(s)` and `log_param(s)`. A metric without a step counts its calls."""
    to = mirror(session)

    def metric(key: str, value: Any, step: Any = None, *_: Any, **__: Any) -> None:
        to.row({str(key): value}, to.next_step(key) if step is None else step)

    def metrics(metrics: Any, step: Any = None, *_: Any, **__: Any) -> None:
        if step is not None:
            to.row(dict(metrics), step)
            return
        for key, value in metrics.items():
            to.row({str(key): value}, to.next_step(key))

    def param(key: str, value: Any, *_: Any, **__: Any) -> None:
        session.config({key: value})

    def params(params: Any, *_: Any, **__: Any) -> None:
        session.config(params)

    to.watch(fluent, "log_metric", metric)
    to.watch(fluent, "log_metrics", metrics)
    around(session, fluent, "log_param", before=param)
    around(session, fluent, "log_params", before=params)
    # Whoever has imported the functions from here already holds the old ones.
    package = sys.modules.get("mlflow")
    for name in ("log_metric", "log_metrics", "log_param", "log_params"):
        if package is not None and name in vars(package):
            setattr(package, name, vars(fluent)[name])


def arm_client(client: ModuleType, session: Session) -> None:
    """Mirrors `MlflowClient`, which integrations use. What came through `fluent` is not repeated."""
    to = mirror(session)

    def tell(key: str, value: Any) -> None:
        if str(session.settings.get(key)) != str(value):  # the client knows parameters as text only
            session.config({key: value})

    def metric(
        self: Any,
        run_id: Any,
        key: str,
        value: Any,
        timestamp: Any = None,
        step: Any = None,
        *_: Any,
        **__: Any,
    ) -> None:
        to.row({str(key): value}, step)

    def batch(
        self: Any, run_id: Any, metrics: Any = (), params: Any = (), *_: Any, **__: Any
    ) -> None:
        rows: dict[Any, dict[str, Any]] = {}
        for one in metrics:
            rows.setdefault(one.step, {})[one.key] = one.value
        for step, values in rows.items():
            to.row(values, step)
        for one in params:
            tell(one.key, one.value)

    def param(self: Any, run_id: Any, key: str, value: Any, *_: Any, **__: Any) -> None:
        tell(key, value)

    kind = client.MlflowClient
    to.watch(kind, "log_metric", metric)
    to.watch(kind, "log_batch", batch)
    around(session, kind, "log_param", before=param)
