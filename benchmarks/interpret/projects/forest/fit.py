import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split

TEST_SIZE = 0.2
RANDOM_STATE = 42
MODEL = "rf"  # rf or gb

params = {
    "n_estimators": 300,
    "max_depth": 8,
    "min_samples_leaf": 2,
    "max_features": "sqrt",
}

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=TEST_SIZE, random_state=RANDOM_STATE, stratify=y
)
if MODEL == "rf":
    clf = RandomForestClassifier(**params, class_weight="balanced", n_jobs=2, random_state=RANDOM_STATE)
else:
    clf = GradientBoostingClassifier(learning_rate=0.1, subsample=0.8, **params)
clf.fit(X_train, y_train)
proba = clf.predict_proba(X_test)[:, 1]
print("auc", roc_auc_score(y_test, proba))
print("f1", f1_score(y_test, proba > 0.5))
pd.Series(clf.feature_importances_, X.columns).sort_values().to_csv("importances.csv")
