"""Predict pump failures from vibration windows."""
import json

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, recall_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.svm import SVC

SENSORS_CSV = "vibration_2023.csv"
SAMPLE_HZ = 50
WINDOW_SEC = 10.0
OVERLAP = 0.5
ALARM_HORIZON_H = 24        # a window counts as positive this many hours before a failure

SCALER = "standard"         # standard / robust / none
N_COMPONENTS = 0            # PCA; 0 = none
FFT_BANDS = 16

MODEL = "rf"                # rf / gb / svm / logreg
N_TREES = 300
MAX_DEPTH = None
MIN_LEAF = 5
SHRINKAGE = 0.1             # gb only
SVM_C = 1.0
SVM_GAMMA = "scale"
LOGREG_C = 1.0
BALANCE = True              # class_weight="balanced"

FOLDS = 5
THRESHOLD = 0.5
RANDOM_STATE = 42
N_JOBS = -1
RESULT = "result.json"


def windows(df):
    size = int(SAMPLE_HZ * WINDOW_SEC)
    hop = max(1, int(size * (1 - OVERLAP)))
    feats, labels, groups = [], [], []
    for pump, part in df.groupby("pump"):
        v = part.accel.values
        for s in range(0, len(v) - size, hop):
            w = v[s : s + size]
            spectrum = np.abs(np.fft.rfft(w))
            bands = [b.mean() for b in np.array_split(spectrum, FFT_BANDS)]
            feats.append([w.mean(), w.std(), np.abs(w).max(), *bands])
            labels.append(int(part.hours_to_failure.values[s + size] <= ALARM_HORIZON_H))
            groups.append(pump)
    return np.array(feats), np.array(labels), np.array(groups)


def classifier():
    weight = "balanced" if BALANCE else None
    if MODEL == "rf":
        return RandomForestClassifier(N_TREES, max_depth=MAX_DEPTH, min_samples_leaf=MIN_LEAF, class_weight=weight, random_state=RANDOM_STATE, n_jobs=N_JOBS)
    if MODEL == "gb":
        return GradientBoostingClassifier(learning_rate=SHRINKAGE, n_estimators=N_TREES, max_depth=MAX_DEPTH or 3, min_samples_leaf=MIN_LEAF, random_state=RANDOM_STATE)
    if MODEL == "svm":
        return SVC(C=SVM_C, gamma=SVM_GAMMA, probability=True, class_weight=weight, random_state=RANDOM_STATE)
    return LogisticRegression(C=LOGREG_C, class_weight=weight, max_iter=2000)


def main():
    x, y, g = windows(pd.read_csv(SENSORS_CSV))
    steps = []
    if SCALER != "none":
        steps.append({"standard": StandardScaler, "robust": RobustScaler}[SCALER]())
    if N_COMPONENTS:
        steps.append(PCA(N_COMPONENTS, random_state=RANDOM_STATE))
    scores = []
    for tr, te in GroupKFold(FOLDS).split(x, y, g):
        pipe = make_pipeline(*steps, classifier()).fit(x[tr], y[tr])
        p = pipe.predict_proba(x[te])[:, 1]
        hit = p > THRESHOLD
        scores.append((average_precision_score(y[te], p), f1_score(y[te], hit), recall_score(y[te], hit)))
    ap, f1, recall = np.mean(scores, 0)
    out = {"ap": ap, "f1": f1, "recall": recall}
    json.dump(out, open(RESULT, "w"))
    print(out)


if __name__ == "__main__":
    main()
