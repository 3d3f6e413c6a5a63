import argparse
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import ElasticNet, Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import KFold, cross_val_score


def parse():
    ap = argparse.ArgumentParser()
    ap.add_argument("csv", nargs="?", default="houses.csv")
    ap.add_argument("--model", choices=["ridge", "enet", "hgb"], default="hgb")
    ap.add_argument("--alpha", type=float, default=1.0, help="strength of the linear models' penalty")
    ap.add_argument("--l1-ratio", type=float, default=0.5, help="mix of the elastic net")
    ap.add_argument("--learning-rate", type=float, default=0.1)
    ap.add_argument("--max-iter", type=int, default=300, help="boosting rounds")
    ap.add_argument("--max-leaf-nodes", type=int, default=31)
    ap.add_argument("--min-leaf", type=int, default=20, help="samples in a leaf")
    ap.add_argument("--l2", type=float, default=0.0)
    ap.add_argument("--log-target", action="store_true", help="fit the logarithm of the price")
    ap.add_argument("--drop", nargs="*", default=[], help="columns to leave out")
    ap.add_argument("--cv", type=int, default=5)
    ap.add_argument("--seed", type=int, default=0)
    return ap.parse_args()


def main():
    a = parse()
    df = pd.read_csv(a.csv).drop(columns=a.drop)
    est = {"ridge": Ridge(a.alpha), "enet": ElasticNet(a.alpha, l1_ratio=a.l1_ratio),
           "hgb": HistGradientBoostingRegressor(learning_rate=a.learning_rate, max_iter=a.max_iter, max_leaf_nodes=a.max_leaf_nodes, min_samples_leaf=a.min_leaf, l2_regularization=a.l2, random_state=a.seed)}[a.model]
    s = -cross_val_score(est, df.drop(columns="price"), df["price"], cv=KFold(a.cv, shuffle=True, random_state=a.seed), scoring="neg_mean_absolute_error")
    print(f"cv_mae {s.mean():.3f}")


if __name__ == "__main__":
    main()
