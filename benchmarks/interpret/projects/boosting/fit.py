"""Gradient boosting on a table."""

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

CONFIG = {
    "n_estimators": 300,
    "learning_rate": 0.05,
    "max_depth": 3,
    "subsample": 0.8,
    "min_samples_leaf": 5,
}
TEST_SIZE = 0.25
SEED = 7

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=TEST_SIZE, random_state=SEED)
model = GradientBoostingClassifier(**CONFIG, random_state=SEED).fit(X_train, y_train)
print("test auc", roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))
