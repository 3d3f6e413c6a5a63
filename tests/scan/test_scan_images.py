"""Images: faults planted into a folder of classes, with their rows, and quiet where there are none."""

import shutil

import numpy as np
import pytest

from labhand.scan import scan

Image = pytest.importorskip("PIL.Image", reason="pillow is not installed")


def textures(number, side=48):
    g = np.random.default_rng(0)
    f = np.fft.fftfreq(side)
    r = np.sqrt(f[:, None] ** 2 + f[None] ** 2)
    r[0, 0] = 1
    for _ in range(number):
        noise = np.fft.fft2(g.normal(size=(3, side, side))) / r**1.1
        made = np.real(np.fft.ifft2(noise)).transpose(1, 2, 0)
        made += 2 * made.mean(axis=2, keepdims=True)
        yield Image.fromarray((255 * (made - made.min()) / np.ptp(made)).astype("u1"))


@pytest.fixture
def folder(tmp_path):
    for number, image in enumerate(textures(40)):
        path = tmp_path / "data" / "ab"[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return tmp_path / "data"


def said(folder):
    findings = scan([folder])
    assert not [s for s in findings.skipped if "failed" in s.why]
    return {f.rule: sorted(f.where.rows) for f in findings.findings if f.severity != "note"}


def test_clean_images_bring_nothing(folder):
    assert said(folder) == {}


def test_each_fault_brings_its_rows(folder):
    paths = sorted(folder.rglob("*.png"))
    paths[1].write_bytes(paths[1].read_bytes()[:900])
    Image.fromarray((np.asarray(Image.open(paths[3])) * 0.08).astype("u1")).save(paths[3])
    Image.open(paths[5]).resize((4, 4)).resize((48, 48), Image.Resampling.BICUBIC).save(paths[5])
    Image.open(paths[7]).convert("L").save(paths[7])
    Image.open(paths[9]).resize((200, 40)).save(paths[9])
    shutil.copy(paths[10], paths[11])
    shutil.copy(paths[12], paths[32])
    Image.open(paths[14]).resize((40, 40)).resize((48, 48)).save(paths[15])
    found = said(folder)
    expected = {
        "unreadable-image": [1], "dark-image": [3], "blurry-image": [5], "grayscale-odd": [7],
        "odd-aspect": [9], "exact-duplicate": [11], "conflicting-labels": [12, 32],
        "near-duplicate": [15],
    }  # fmt: skip
    assert {rule: found.get(rule) for rule in expected} == expected


def test_a_mark_on_one_class_and_an_image_in_two_splits(folder, tmp_path):
    for path in folder.glob("a/*.png"):
        pixels = np.array(Image.open(path))
        pixels[2:14, 2:14] = (200, 30, 30)
        Image.fromarray(pixels).save(path)
    assert said(folder)["label-copy"] == list(range(20))
    shutil.copytree(folder / "b", tmp_path / "two" / "train" / "b")
    (tmp_path / "two" / "test" / "b").mkdir(parents=True)
    for path in sorted((folder / "b").iterdir())[:3]:
        shutil.copy(path, tmp_path / "two" / "test" / "b" / f"copy{path.name}")
    assert said(tmp_path / "two")["split-overlap"] == [0, 1, 2]


def landscapes(number, side=48):
    g = np.random.default_rng(1)
    for _ in range(number):
        horizon = int(g.integers(side // 3, side // 2))
        made = np.empty((side, side, 3))
        made[:horizon] = g.normal([110, 160, 230], 15) + np.linspace(0, 40, horizon)[:, None, None]
        made[horizon:] = g.normal([90, 130, 60], 20)
        yield np.clip(made + g.normal(0, 8, made.shape), 0, 255).astype("u1")


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (lambda pixels: pixels[..., ::-1], "grayscale-odd"),
        (lambda pixels: 255 - pixels, "grayscale-odd"),
        (lambda pixels: pixels[::-1], "odd-aspect"),
        (np.rot90, "odd-aspect"),
        (lambda pixels: np.pad(pixels[:, 6:-6], ((0, 0), (6, 6), (0, 0))), "odd-aspect"),
        (lambda pixels: pixels, None),
    ],
    ids=["bgr", "negative", "on its head", "on its side", "bars", "clean"],
)
def test_an_image_that_something_was_done_to(edit, rule, tmp_path):
    folder = tmp_path / "data" / "land"
    folder.mkdir(parents=True)
    for number, pixels in enumerate(landscapes(90)):
        pixels = edit(pixels) if number in (4, 40, 77) else pixels
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{number:03}.png")
    found = said(tmp_path / "data")
    assert found == {} if rule is None else found[rule] == [4, 40, 77]
