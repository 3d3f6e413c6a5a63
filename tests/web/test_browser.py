"""The report in a real browser: every chart draws, nothing goes wrong, nothing sticks out."""

import re
import shutil
import subprocess

import pytest

from labhand.web import report

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars "
    "--virtual-time-budget=3000"
).split()
# Once all is drawn: how far anything sticks out, and the same page driven as a person would.
# Printing draws what was not in sight yet, so that nothing here waits for frames of the browser.
DRIVE = """<script>addEventListener("load", () => { dispatchEvent(new Event("beforeprint")); setTimeout(() => {
  const d = document.documentElement, first = document.querySelector(".chart");
  d.dataset.overflow = d.scrollWidth - d.clientWidth;
  const press = (key) => first.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const value = () => first.querySelector(".key output").textContent;
  const before = value();
  press("ArrowRight"); press("ArrowRight");
  d.dataset.moved = value() !== before && first.querySelector(".at").textContent;
  for (const key of ["+", "+", "-", "0", "l", "Escape"]) press(key);
  d.dataset.log = first.querySelector(".log").getAttribute("aria-pressed");
  document.querySelector("input[value=time]").click();
  setTimeout(() => { d.dataset.driven = "yes"; parent.postMessage({ ...d.dataset }, "*"); }, 100);
}, 100); });</script>"""
# No window is narrower than 500 pixels, a frame in it may be.
FRAME = """<!doctype html><html><body><iframe src="page.html" width="{}" height="8000"></iframe><script>
addEventListener("message", (event) => Object.assign(document.documentElement.dataset, event.data));
</script></body></html>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")


def opened(path, width, folder):
    html = path.read_text(encoding="utf-8").replace("</body>", f"{DRIVE}</body>")
    (folder / "page.html").write_text(html, encoding="utf-8")
    page = folder / "frame.html"
    page.write_text(FRAME.format(width), encoding="utf-8")
    arguments = [f"--user-data-dir={folder / 'profile'}", f"--window-size={width + 100},9000"]
    dom = subprocess.run(
        [CHROMIUM, *FLAGS, *arguments, "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    return dict(re.findall(r' data-([a-z]+)="([^"]*)"', re.search(r"<html[^>]*>", dom)[0]))


@pytest.mark.parametrize("width", [1280, 420, 360])
def test_every_chart_draws_and_answers_to_the_keyboard(example, tmp_path, width):
    store, root, run = example
    told = opened(report.write(store, root, run.id), width, tmp_path)
    assert "errors" not in told, told["errors"]
    drawn, charts = told["charts"].split("/")
    assert drawn == charts != "0"
    assert told["overflow"] == "0"
    assert told["moved"].startswith("step ")
    assert told["log"] == "false", "it began logarithmic, L toggles"
    assert told["driven"] == "yes"


def test_odd_values_and_lonely_points_draw(recorded, tmp_path):
    nan = float("nan")
    rows = [{"nan_only": nan, "zero": 0.0, "huge": 1e300, "loss": 1e-9, "tiny": 1e-300}]
    rows += [{"nan_only": nan, "zero": 0.0, "huge": -1e300, "loss": nan}, {"lonely": 3.0}]
    store, root, run = recorded(rows)
    told = opened(report.write(store, root, run.id), 1280, tmp_path)
    assert "errors" not in told, told["errors"]
    assert told["charts"] == "6/6"
