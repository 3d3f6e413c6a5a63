import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

np.random.seed(42)

df = pd.read_csv("wine.csv")
X, y = df.drop(columns="quality").values, (df["quality"] > 5).values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=42, stratify=y)

models = {
    "svm": make_pipeline(StandardScaler(), PCA(n_components=8), SVC(C=1.0, kernel="rbf", gamma="scale")),
    "forest": RandomForestClassifier(n_estimators=200, max_depth=None, min_samples_leaf=1, n_jobs=-1, random_state=0),
    "logreg": make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=500)),
}

cv = StratifiedKFold(n_splits=5, shuffle=True, random_state=1)
for name, model in models.items():
    scores = []
    for a, b in cv.split(X_train, y_train):
        model.fit(X_train[a], y_train[a])
        scores.append(accuracy_score(y_train[b], model.predict(X_train[b])))
    model.fit(X_train, y_train)
    pred = model.predict(X_test)
    print(f"{name}: cv_acc={np.mean(scores):.4f} test_acc={accuracy_score(y_test, pred):.4f} f1={f1_score(y_test, pred):.4f}")
