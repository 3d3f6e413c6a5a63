"""Scaling, a classifier and its scores, from scikit-learn."""

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def load(seed):
    X, y = make_classification(
        n_samples=400, n_features=12, n_informative=4, weights=[0.8], flip_y=0.1, random_state=seed
    )
    return X * np.arange(1, 13), y


def main():
    X, y = load(0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    scaler = StandardScaler()
    X_train = scaler.fit_transform(X_train)
    X_test = scaler.transform(X_test)
    model = LogisticRegression(max_iter=500)
    model.fit(X_train, y_train)
    predicted = model.predict(X_test)
    probabilities = model.predict_proba(X_test)[:, 1]
    test_accuracy = model.score(X_test, y_test)
    print("accuracy", test_accuracy)
    print("f1", f1_score(y_test, predicted))
    print("auc", roc_auc_score(y_test, probabilities))
    print(confusion_matrix(y_test, predicted))


if __name__ == "__main__":
    main()
