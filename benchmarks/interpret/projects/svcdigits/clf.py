import argparse
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

ap = argparse.ArgumentParser()
ap.add_argument("--clf", default="svc", choices=["svc", "logreg", "knn"])
ap.add_argument("--C", type=float, default=1.0, help="inverse regularisation strength")
ap.add_argument("--kernel", default="rbf", choices=["rbf", "linear", "poly"])
ap.add_argument("--gamma", default="scale", help="kernel coefficient, or scale or auto")
ap.add_argument("--degree", type=int, default=3, help="of the polynomial kernel")
ap.add_argument("--neighbors", type=int, default=5)
ap.add_argument("--pca", type=int, default=0, help="components to keep, 0 for all")
ap.add_argument("--no-scale", action="store_true", help="leave out the standard scaler")
ap.add_argument("--folds", type=int, default=5)
ap.add_argument("--max-iter", type=int, default=1000)
ap.add_argument("--class-weight", default=None, choices=["balanced"])
ap.add_argument("--seed", type=int, default=0)
a = ap.parse_args()

X, y = load_digits(return_X_y=True)
rng = np.random.default_rng(a.seed)
order = rng.permutation(len(X))
steps = [] if a.no_scale else [StandardScaler()]
if a.pca:
    steps.append(PCA(a.pca))
steps.append({
    "svc": lambda: SVC(C=a.C, kernel=a.kernel, gamma=a.gamma, degree=a.degree, class_weight=a.class_weight),
    "logreg": lambda: LogisticRegression(C=a.C, max_iter=a.max_iter, class_weight=a.class_weight),
    "knn": lambda: KNeighborsClassifier(a.neighbors),
}[a.clf]())
scores = cross_val_score(make_pipeline(*steps), X[order], y[order], cv=a.folds)
print(f"accuracy {scores.mean():.4f} std {scores.std():.4f}")
