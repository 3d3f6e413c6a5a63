"""The pictures of the README and the guides, taken from real runs: `python docs/pictures.py` (needs chromium).

Runs `labhand demo` in a terminal of its own, draws what appeared there, and photographs the report
of its second run in a browser. With `probe` as an argument: the picture of `labhand check --probe` alone, of
the script in `docs/guides/check.md` (needs PyTorch).
"""

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

IMAGES = Path(__file__).parent / "images"
COLUMNS = 96
THEME = TerminalTheme(
    (20, 22, 26),
    (214, 217, 222),
    [
        (20, 22, 26),
        (240, 98, 94),
        (120, 190, 110),
        (226, 182, 82),
        (110, 160, 240),
        (200, 130, 220),
        (90, 190, 190),
        (214, 217, 222),
    ],
    [
        (120, 124, 132),
        (250, 120, 116),
        (150, 210, 140),
        (240, 200, 110),
        (140, 180, 250),
        (220, 160, 240),
        (120, 210, 210),
        (255, 255, 255),
    ],
)
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #14161a; }}
pre {{ margin: 0; padding: 28px 34px; color: #d6d9de;
  font: 15px/1.45 "DejaVu Sans Mono", monospace; white-space: pre-wrap; }}
</style><pre>{}</pre>"""


def terminal(command: list[str], folder: Path) -> str:
    """What the command shows in a terminal of 96 columns."""
    parts: list[bytes] = []
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(
            command[0], command, {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
        )
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        parts.append(data)
    os.waitpid(pid, 0)
    return b"".join(parts).decode("utf-8", "replace")


def settled(seen: str) -> str:
    """The lines as they stand at the end: what was drawn over is gone, long epochs are shortened."""
    lines = [
        line.rpartition("\x1b[K")[2].rpartition("\r")[2]
        for line in seen.replace("\r\n", "\n").split("\n")
    ]
    kept: list[str] = []
    for line in lines:
        number = re.match(r"(?:epoch|step|\[)\s?(\d+)", line)
        if number and 3 < int(number[1]) < 19:
            if kept[-1] != "…":
                kept.append("…")
            continue
        kept.append(line)
    return "\n".join(kept).strip("\n")


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """Takes a picture of a page with headless Chromium."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                "--virtual-time-budget=4000",
                f"--window-size={width},{height}",
                f"--screenshot={picture}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
        )


def draw(seen: str, folder: Path, picture: Path) -> None:
    """Takes a picture of what a terminal showed."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(seen), soft_wrap=True)
    page = folder / "terminal.html"
    page.write_text(
        PAGE.format(console.export_html(theme=THEME, code_format="{code}", inline_styles=True))
    )
    plain = re.sub(r"\x1b\[[\d;]*m", "", seen).split("\n")
    lines = sum(1 + max(0, len(line) - 1) // COLUMNS for line in plain)
    photograph(page, picture, 960, 56 + 22 * lines)


def probe() -> None:
    """Writes probe.png into docs/images."""
    guide = (Path(__file__).parent / "guides" / "check.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "labhand.toml").touch()
        (folder / "train.py").write_text(guide.split("```python\n")[1].split("```")[0])
        command = [sys.executable, "-m", "labhand", "check", "--probe", "--", sys.executable]
        seen = terminal([*command, "train.py"], folder).replace("\r\n", "\n").strip("\n")
        asked = "$ labhand check --probe -- python train.py\n\n"
        draw(asked + seen, folder, IMAGES / "probe.png")


def main() -> None:
    """Writes terminal.png and report.png into docs/images."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        seen = settled(terminal([sys.executable, "-m", "labhand", "demo"], folder))
        draw(seen, folder, IMAGES / "terminal.png")
        report = sorted((folder / "labhand-demo" / ".labhand" / "runs").glob("*/report.html"))[-1]
        shutil.copy(report, folder / "report.html")
        photograph(folder / "report.html", IMAGES / "report.png", 1280, 2300)


if __name__ == "__main__":
    probe() if sys.argv[1:] == ["probe"] else main()
