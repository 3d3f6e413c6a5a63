"""`labhand mcp install` changes an agent's configuration as a careful person would."""

import json
import os
import tomllib

import pytest

from labhand.mcp.install import AGENTS


@pytest.fixture
def install(lab):
    (lab.folder / "labhand.toml").touch()
    env = os.environ | {"HOME": str(lab.folder / "home"), "CODEX_HOME": str(lab.folder / "codex")}

    def call(*arguments):
        return lab("mcp", "install", *arguments, env=env, stdin=-3)

    call.folder = lab.folder
    return call


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "labhand.toml")


@pytest.mark.parametrize("name", AGENTS)
def test_it_is_written_once_and_only_when_agreed(install, name):
    printed = install(name, "--print")
    assert printed.returncode == 0 and "labhand" in printed.stdout
    refused = install(name)
    assert refused.returncode == 2 and "--yes" in refused.stderr
    assert not files(install.folder)
    assert install(name, "--yes").returncode == 0
    [path] = files(install.folder)
    text = path.read_text()
    read = tomllib.loads if path.suffix == ".toml" else json.loads
    assert read(text) == read(printed.stdout)
    entry = read(text)[AGENTS[name].under]["labhand"]
    words = entry["command"] if name == "opencode" else [entry["command"], *entry["args"]]
    assert os.access(words[0], os.X_OK) and "mcp" in words
    again = install(name, "--yes")
    assert "knows labhand already" in again.stdout and path.read_text() == text


def test_what_stands_there_stays(install):
    path = install.folder / ".mcp.json"
    there = {
        "other": [1],
        "mcpServers": {"theirs": {"command": "ü"}, "labhand": {"command": "old"}},
    }
    path.write_text(json.dumps(there, indent=4, ensure_ascii=False))
    path.chmod(0o664)
    assert install("claude-code", "--yes").returncode == 0
    found = json.loads(path.read_text())
    assert found["other"] == [1] and found["mcpServers"]["theirs"] == {"command": "ü"}
    assert found["mcpServers"]["labhand"]["args"][-1] == "mcp"
    assert '\n    "other"' in path.read_text() and path.stat().st_mode & 0o777 == 0o664
    toml = install.folder / "codex" / "config.toml"
    toml.parent.mkdir()
    toml.write_text("# mine\nmodel = 'x'  # kept")
    assert install("codex", "--yes").returncode == 0
    assert toml.read_text().startswith("# mine\nmodel = 'x'  # kept\n\n[mcp_servers.labhand]\n")


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("vscode", ".vscode/mcp.json", '{ // mine\n "servers": {}}'),
        ("claude-code", ".mcp.json", "[]"),
        ("claude-code", ".mcp.json", '{"mcpServers": 3}'),
        ("codex", "codex/config.toml", "no toml ["),
        ("codex", "codex/config.toml", '[mcp_servers.labhand]\ncommand = "mine"\n'),
    ],
)
def test_what_only_a_person_can_change_is_left_alone(install, name, file, text):
    path = install.folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    done = install(name, "--yes")
    assert done.returncode == 2 and "--print" in done.stderr and path.read_text() == text
    assert len(done.stderr.strip().splitlines()) == 1


def test_agents_in_use_are_found_and_unknown_ones_named(install):
    assert "say which agent" in install().stderr
    assert "did you mean `claude-code`?" in install("claude").stderr
    (install.folder / "CLAUDE.md").touch()
    assert "Claude Code knows labhand" in install("--yes").stdout
