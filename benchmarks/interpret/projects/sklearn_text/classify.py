# toxic comment baseline: tf-idf -> linear model
import json
import sys
import time

import numpy as np
import pandas as pd
from scipy.sparse import hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC

TRAIN_CSV = "data/train.csv"
TEXT_COL = "comment_text"
LABEL_COL = "toxic"
TEST_SIZE = 0.2
RANDOM_STATE = 0

# features
WORD_NGRAMS = (1, 2)
CHAR_NGRAMS = (2, 5)
USE_CHARS = True
MAX_FEATURES = 50_000   # per vectorizer
MIN_DF = 3
SUBLINEAR_TF = True
STRIP_ACCENTS = "unicode"
STOP_WORDS = None       # or "english"
SVD_DIM = 0             # 0 = keep sparse

# model
CLASSIFIER = "logreg"   # logreg | svm | nb | sgd
C = 1.0
PENALTY = "l2"
CLASS_WEIGHT = None     # None or "balanced"
MAX_ITER = 300

SAMPLE = None           # int: subsample rows for a quick run


def load():
    df = pd.read_csv(TRAIN_CSV)
    if SAMPLE:
        df = df.sample(SAMPLE, random_state=RANDOM_STATE)
    return train_test_split(df[TEXT_COL].fillna(""), df[LABEL_COL].values, test_size=TEST_SIZE,
                            random_state=RANDOM_STATE, stratify=df[LABEL_COL])


def featurize(tr, te):
    common = dict(max_features=MAX_FEATURES, min_df=MIN_DF, sublinear_tf=SUBLINEAR_TF, strip_accents=STRIP_ACCENTS)
    vecs = [TfidfVectorizer(analyzer="word", ngram_range=WORD_NGRAMS, stop_words=STOP_WORDS, **common)]
    if USE_CHARS:
        vecs.append(TfidfVectorizer(analyzer="char_wb", ngram_range=CHAR_NGRAMS, **common))
    xs = [(v.fit_transform(tr), v.transform(te)) for v in vecs]
    xtr, xte = hstack([a for a, _ in xs]).tocsr(), hstack([b for _, b in xs]).tocsr()
    if SVD_DIM:
        svd = TruncatedSVD(SVD_DIM, random_state=RANDOM_STATE)
        xtr, xte = svd.fit_transform(xtr), svd.transform(xte)
    return xtr, xte


def make_model():
    if CLASSIFIER == "logreg":
        return LogisticRegression(C=C, penalty=PENALTY, class_weight=CLASS_WEIGHT, max_iter=MAX_ITER, solver="liblinear")
    if CLASSIFIER == "svm":
        return LinearSVC(C=C, class_weight=CLASS_WEIGHT, max_iter=MAX_ITER)
    if CLASSIFIER == "nb":
        return ComplementNB()
    if CLASSIFIER == "sgd":
        return SGDClassifier(loss="log_loss", penalty=PENALTY, class_weight=CLASS_WEIGHT, max_iter=MAX_ITER, random_state=RANDOM_STATE)
    raise SystemExit("unknown classifier " + CLASSIFIER)


def main():
    t0 = time.time()
    xtr, xte, ytr, yte = load()
    ftr, fte = featurize(xtr, xte)
    clf = make_model().fit(ftr, ytr)
    score = clf.decision_function(fte) if hasattr(clf, "decision_function") else clf.predict_proba(fte)[:, 1]
    pred = clf.predict(fte)
    out = {"accuracy": accuracy_score(yte, pred), "macro_f1": f1_score(yte, pred, average="macro"),
           "roc_auc": roc_auc_score(yte, score), "n_features": ftr.shape[1], "seconds": time.time() - t0}
    print(json.dumps(out))


if __name__ == "__main__":
    sys.exit(main())
