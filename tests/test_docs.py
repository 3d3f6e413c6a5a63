"""What the docs name exists, and what exists is documented."""

import re
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pytest

from labhand.cli import COMMANDS, cli
from labhand.core import registry
from labhand.kit.configuration import Configuration

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
EXTENSIONS = [e for kind in registry.KINDS for e in registry.extensions(kind)]


def command(name):
    return cli.get_command(click.Context(cli), name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_an_example(name):
    found = command(name)
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert f"## labhand {name}\n" in text
    leaves = found.commands.values() if isinstance(found, click.Group) else [found]
    assert all(leaf.epilog and "Example: labhand" in leaf.epilog for leaf in leaves)
    assert any("-C" in parameter.opts for parameter in found.params)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_says_what_the_command_says(name):
    assert COMMANDS[name].split(":")[0].rstrip(".").split()[0] in command(name).help


def test_every_setting_is_documented():
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    for field in msgspec.structs.fields(Configuration):
        assert f"| `{field.encode_name}` |" in text


@pytest.mark.parametrize("extension", EXTENSIONS, ids=lambda e: f"{e.kind.name}-{e.name}")
def test_every_extension_is_documented(extension):
    text = (REFERENCE / f"{extension.kind.verb}.md").read_text(encoding="utf-8")
    assert f"{{#{extension.kind.name}-{extension.name}}}" in text


def test_the_reference_is_what_the_code_says():
    pages = sorted(str(p) for p in REFERENCE.glob("*.md"))
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "-I", "docs", *pages],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + "run `make fix`"


def test_the_map_of_agents_md_leads_somewhere():
    text = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    named = [path for row in rows for path in re.findall(r"`([\w./-]+/[\w./-]*)`", row)]
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert len(text.splitlines()) <= 120


def test_the_glossary_is_of_words_the_code_uses():
    text = (REFERENCE / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([a-z]+) \|", text, re.M)[1:]
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "src").rglob("*.py")).lower()
    assert [word for word in words if word not in code] == []
    assert words and "task" not in words


def test_links_between_pages_lead_somewhere():
    for page in (ROOT / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
