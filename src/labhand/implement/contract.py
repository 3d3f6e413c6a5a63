"""What every agent must do, as tests: subclass and give one fixture.

```python
class TestMyAgent(AgentContract):
    @pytest.fixture
    def agent(self, monkeypatch):
        return Agent()  # one that will write "x = 2" into `a.py`, whatever it is told
```
"""

import json
from pathlib import Path

from labhand.implement.errand import Agent, Errand, Limits, Trajectory
from labhand.kit.sandbox import Sandbox


def errand_in(folder: Path, instruction: str = "let x be 2") -> Errand:
    """An errand in a small project that is made in `folder`."""
    project, tree = folder / "project", folder / "tree"
    for place in (project, tree):
        place.mkdir(parents=True)
        (place / "a.py").write_text("x = 1\n", encoding="utf-8")
    return Errand(
        instruction=instruction,
        worktree=tree,
        project=project,
        script=Path("a.py"),
        sandbox=Sandbox([tree]),
        limits=Limits(steps=10, seconds=60),
        trajectory=Trajectory(folder / "trajectory.json", "contract", "contract", "0"),
    )


class AgentContract:
    """The tests. Fixture: `agent`, ready for an errand, that will make `a.py` say `x = 2`."""

    def test_it_changes_the_worktree_and_nothing_else(self, agent: Agent, tmp_path: Path) -> None:
        """The project stays as it is."""
        errand = errand_in(tmp_path)
        agent.work(errand, "let x be 2")
        assert (errand.worktree / "a.py").read_text(encoding="utf-8").strip() == "x = 2"
        assert (errand.project / "a.py").read_text(encoding="utf-8") == "x = 1\n"

    def test_it_notes_its_steps(self, agent: Agent, tmp_path: Path) -> None:
        """The trajectory holds the message and at least one step of the agent."""
        errand = errand_in(tmp_path)
        account = agent.work(errand, "let x be 2")
        told = json.loads(errand.trajectory.path.read_text(encoding="utf-8"))
        assert {"user", "agent"} <= {step["source"] for step in told["steps"]}
        assert account.steps >= 1

    def test_it_can_be_sent_back(self, agent: Agent, tmp_path: Path) -> None:
        """A second message does not begin anew, and does no harm."""
        errand = errand_in(tmp_path)
        agent.work(errand, "let x be 2")
        account = agent.work(errand, "the tests fail; mend it")
        assert account.steps >= 1
        assert (errand.worktree / "a.py").is_file()

    def test_its_documentation_has_the_fixed_sections(self, agent: Agent) -> None:
        """What it does, known problems, references."""
        told = type(agent).__doc__ or ""
        for section in ("## What it does", "## Known problems", "## References"):
            assert section in told
