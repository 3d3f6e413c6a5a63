"""Gradient boosting on handwritten digits (scikit-learn's bundled data). It only prints.

`--subsample` is parsed and never used: a mistake left in on purpose, for `labhand check` to find.
"""

import argparse

import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--subsample", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out")
    args = parser.parse_args()

    x, y = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
    log = open(f"{args.out}/settings.txt", "w")
    print(f"lr={args.lr} rounds={args.rounds} depth={args.depth}", file=log)
    log.close()

    model = GradientBoostingClassifier(
        learning_rate=args.lr, n_estimators=1, max_depth=args.depth, warm_start=True, random_state=args.seed,
    )
    for round_ in range(1, args.rounds + 1):
        model.n_estimators = round_
        model.fit(x_train, y_train)
        train = log_loss(y_train, model.predict_proba(x_train))
        val = log_loss(y_val, model.predict_proba(x_val))
        accuracy = model.score(x_val, y_val)
        print(f"[{round_}] train loss: {train:.4f}, val loss: {val:.4f}, val accuracy: {accuracy:.4f}", flush=True)
    joblib.dump(model, f"{args.out}/model.joblib")


if __name__ == "__main__":
    main()
