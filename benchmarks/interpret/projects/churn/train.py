import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MODEL = "rf"
N_FOLDS = 5
RANDOM_STATE = 7

df = pd.read_csv("churn.csv")
X, y = df.drop(columns="churn"), df["churn"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=RANDOM_STATE, stratify=y)
pre = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", min_frequency=20), ["plan", "region"]),
    (StandardScaler(), ["age", "spend", "tenure"]),
)
if MODEL == "rf":
    clf = RandomForestClassifier(n_estimators=300, max_depth=12, min_samples_leaf=2, max_features="sqrt", class_weight="balanced", bootstrap=True, random_state=RANDOM_STATE)
elif MODEL == "gb":
    clf = GradientBoostingClassifier(learning_rate=0.1, subsample=0.8, random_state=RANDOM_STATE)
pipe = make_pipeline(pre, clf)
cv = StratifiedKFold(n_splits=N_FOLDS, shuffle=True, random_state=RANDOM_STATE)
scores = cross_val_score(pipe, X_train, y_train, cv=cv, scoring="roc_auc")
pipe.fit(X_train, y_train)
print(f"cv_auc {scores.mean():.4f} test_auc {roc_auc_score(y_test, pipe.predict_proba(X_test)[:, 1]):.4f}")
