"""Runs that are carried elsewhere: the same record, the same commands, on a real Slurm and a real Ray."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--wait", type=float, default=0)
parser.add_argument("--code", type=int, default=0)
args = parser.parse_args()
for step in range(5):
    print(f"step {step} loss {1 / (1 + step * args.lr) + args.seed / 1000:.4f}", flush=True)
print("waiting", flush=True)
time.sleep(args.wait)
raise SystemExit(args.code)
"""
SAVING = """
import argparse, json, os, signal, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--resume")
args = parser.parse_args()
asked = []
signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
step = json.load(open(args.resume))["step"] if args.resume else 0
print("begins after", step, flush=True)
while step < 3 or (args.resume is None and not asked):
    step += 1
    print(f"step {step} loss {1 / step:.4f}", flush=True)
    time.sleep(0.05)
if args.resume is None:
    os.makedirs("ckpt", exist_ok=True)
    with open("ckpt/last.json", "w") as file:
        json.dump({"step": step}, file)
    print("saved after", step, "asked", len(asked), flush=True)
    sys.exit(0)
"""


def slurm_says(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def said(lab, number: int = 1) -> str:
    try:
        return (lab.attempt(number) / "output.log").read_text()
    except (OSError, IndexError):
        return ""


def check_a_run(lab, place: str) -> None:
    """One run to its end, and one that fails: output, exit code and record are those of any run."""
    lab.script("train.py", TRAIN)
    done = lab("run", "--on", place, "--name", "there", "--", sys.executable, "train.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("step 4 loss 0.7143\nwaiting\n")
    shown = lab.show("there")
    assert shown["status"] == "finished" and len(shown["attempts"]) == 1
    assert shown["metrics"]["loss"]["last"] == 0.7143 and shown["metrics"]["loss"]["points"] == 5
    assert shown["code"]["tree"] and Path(lab.attempt(1).parent.parent, "report.html").exists()
    failed = lab("run", "--on", place, "--", sys.executable, "train.py", "--code", "7")
    assert failed.returncode == 7, failed.stderr
    assert lab.show()["status"] == "failed"


def test_a_run_by_the_way_to_a_cluster_is_a_run(lab) -> None:
    check_a_run(lab, "debug")


def test_a_run_on_slurm_is_a_run(lab, slurm) -> None:
    check_a_run(lab, "slurm")


def test_a_run_on_ray_is_a_run(lab, ray) -> None:
    check_a_run(lab, "ray")


def test_a_failure_is_mended_within_the_job(lab, slurm) -> None:
    """No second wait in Slurm's queue for what is mended."""
    lab.script("train.py", "open('out/log.txt', 'w').write('x'); print('written')")
    done = lab("run", "--on", "slurm", "--", sys.executable, "train.py")
    assert done.returncode == 0 and "written" in done.stdout, done.stderr
    attempts = lab.show()["attempts"]
    assert [a["failure"] and a["failure"]["kind"] for a in attempts] == ["missing-folder", None]
    (sweep,) = (lab.folder / ".labhand/sweeps").iterdir()
    assert [p.name for p in (sweep / "jobs").iterdir()] == ["0"]


def test_a_sweep_is_an_array_with_one_table(lab, slurm) -> None:
    lab.script("train.py", TRAIN)
    lab.script("labhand.toml", "[slurm]\ncomment = 'from the settings'\n")
    sweep = lab.start(
        *("run", "--on", "slurm", "--sweep", "lr=0.1,0.2", "--seeds", "2", "--name", "grid"),
        *("--", sys.executable, "train.py"),
    )
    _, told = sweep.communicate(timeout=180)
    assert sweep.returncode == 0, told
    assert b"4 runs handed to slurm as job " in told and b"0.2  0.5" in told
    number = told.split(b"as job ")[1].split()[0].decode()
    said = slurm_says("scontrol", "-o", "show", "job", number)
    assert said.count("ArrayTaskId=") == 4 and said.count("Comment=from the settings") == 4


def test_a_budget_is_held_on_the_cluster(lab, slurm, until) -> None:
    lab.script("train.py", TRAIN)
    lab.script("labhand.toml", "[slurm]\narray-parallelism = 1\n")
    asked = ("--sweep", "lr=0.1..0.4:4", "--budget", "3s", "--name", "paid")
    done = lab("run", "--on", "slurm", *asked, "--", sys.executable, "train.py", "--wait", "600")
    assert done.returncode == 1
    assert "the budget of 3s is used up: 3 runs not started" in done.stderr
    assert "it was stopped: the budget of its sweep, 3s, is used up" in done.stderr
    until(lambda: not slurm_says("squeue", "-h"), 60)


def test_a_detached_run_waits_goes_on_and_is_stopped(lab, slurm, until) -> None:
    lab.script("train.py", TRAIN)
    command = (sys.executable, "train.py", "--wait", "600")
    done = lab("run", "--on", "slurm", "--detach", "--name", "night", "--", *command)
    assert done.returncode == 0 and "night: 1 run handed to slurm" in done.stdout, done.stderr
    until(lambda: "waiting" in said(lab), 60)
    assert lab.show("night")["status"] == "running"
    stopped = lab("stop", "night")
    assert "night stopped" in stopped.stdout, stopped.stderr
    until(lambda: not slurm_says("squeue", "-h", "-n", "night"), 60)


def _goes_on_after(lab, until, following, take_back, asked=("1",)) -> None:
    """The job that Slurm took back is put back with what it saved, and the same run goes on there."""
    until(lambda: "step 3 " in said(lab), 60)
    number = slurm_says("squeue", "-h", "-p", "main", "-o", "%i")
    take_back()
    until(lambda: slurm_says("squeue", "-h", "-p", "main", "-o", "%T") == "PENDING", 60)
    until(lambda: not slurm_says("squeue", "-h", "-p", "urgent"), 60)
    slurm_says("scontrol", "update", f"jobid={number}", "StartTime=now+3")
    out, told = following.communicate(timeout=120)
    assert following.returncode == 0, told
    shown = lab.show()
    assert shown["status"] == "finished" and len(shown["attempts"]) == 2, told
    assert shown["attempts"][0]["failure"]["kind"] == "killed"
    assert "goes on from ckpt/last.json by `" in shown["attempts"][0]["fix"]["summary"]
    # Slurm waits two minutes by itself; a node takes no job again in the second that it left it.
    saved = said(lab, 1).split("saved after ")[1].split()
    assert saved[2] in asked and f"begins after {saved[0]}" in out.decode()


def test_a_run_that_slurm_takes_back_goes_on_from_its_checkpoint(lab, slurm, until) -> None:
    """Told by SIGUSR2 it saves, asked once; the job is put back, and the same run goes on there."""
    lab.script("train.py", SAVING)
    following = lab.start("run", "--on", "slurm", "--", sys.executable, "train.py")

    def take_back() -> None:
        number = slurm_says("squeue", "-h", "-o", "%i")
        slurm_says("scancel", "--signal=USR2", "--batch", number)

    _goes_on_after(lab, until, following, take_back)


def test_a_run_that_another_partition_pushes_aside_goes_on(lab, slurm, until) -> None:
    """No signal of its own is sent to it: Slurm ends all of it and puts it back by itself.

    The SIGTERM reaches the training, and through labhand once more unless the first is still pending.
    """
    lab.script("labhand.toml", "[slurm]\nnodes = 1\nexclusive = true\nnodelist = 'here1'\n")
    lab.script("train.py", SAVING)
    following = lab.start("run", "--on", "slurm", "--", sys.executable, "train.py")
    urgent = (
        "sbatch",
        "-p",
        "urgent",
        "--exclusive",
        "-w",
        "here1",
        "-o",
        "/dev/null",
        "--wrap",
        "true",
    )
    _goes_on_after(lab, until, following, lambda: slurm_says(*urgent), ("1", "2"))


def test_a_run_at_the_time_limit_of_its_job_saves_and_goes_on(lab, slurm, until) -> None:
    lab.script("labhand.toml", "[slurm]\ntime = 1\nsignal-delay-s = 50\n")
    lab.script("train.py", SAVING)
    following = lab.start("run", "--on", "slurm", "--", sys.executable, "train.py")
    _goes_on_after(lab, until, following, lambda: None)


def test_the_tasks_of_two_nodes_find_each_other(lab, slurm) -> None:
    lab.script("labhand.toml", "[slurm]\nnodes = 2\nntasks-per-node = 1\n")
    lab.script(
        "train.py",
        "import os\nprint(*(os.environ[n] for n in ('RANK', 'WORLD_SIZE', 'NODE_RANK', 'PET_NNODES',"
        " 'MASTER_ADDR')), os.environ['MASTER_PORT'] == os.environ['PET_MASTER_PORT'])",
    )
    done = lab("run", "--on", "slurm", "--", sys.executable, "train.py")
    assert done.returncode == 0, done.stderr
    lines = sorted(done.stdout.splitlines())
    assert lines == ["0 2 0 2 127.0.0.1 True", "1 2 1 2 127.0.0.1 True"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_lines_of_several_tasks_come_whole_and_at_once(lab, slurm, unbuffered) -> None:
    lab.script("labhand.toml", "[slurm]\nnodes = 2\nntasks-per-node = 1\n")
    lab.script(
        "train.py",
        "import os, pathlib, sys, time\n"
        "for step in range(3000): print('rank', os.environ['RANK'], 'step', step, 'of', 3000)\n"
        "while not pathlib.Path('seen').exists(): time.sleep(0.05)\n",
    )
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    running = lab.start("run", "--on", "slurm", "--", sys.executable, "train.py", env=env)
    lines = sorted(running.stdout.readline() for _ in range(6000))
    (lab.folder / "seen").touch()
    rest, told = running.communicate(timeout=60)
    assert running.returncode == 0 and not rest, told
    assert lines == sorted(
        b"rank %d step %d of 3000\n" % (r, s) for r in (0, 1) for s in range(3000)
    )


def test_ctrl_c_takes_back_what_waits(lab, slurm, until) -> None:
    lab.script("labhand.toml", "[slurm]\nbegin = 'now+1hour'\n")
    lab.script("train.py", TRAIN)
    waiting = lab.start("run", "--on", "slurm", "--", sys.executable, "train.py")
    until(lambda: slurm_says("squeue", "-h", "-o", "%T") == "PENDING", 60)
    waiting.send_signal(signal.SIGINT)
    _, told = waiting.communicate(timeout=60)
    assert waiting.returncode == 130 and b"taken back before it had begun" in told
    assert slurm_says("squeue", "-h") == "" and not list(lab.folder.glob(".labhand/runs/*"))


BAD = {
    "a node configuration that is not there": ("[slurm]\nnodes = 7\n", "configuration is not"),
    "an option that sbatch does not know": ("[slurm]\nmoon = 'full'\n", "option '--moon=full'"),
    "a setting that is labhand's own": ("[slurm]\nuse-srun = true\n", "takes no `use-srun`"),
    "a time that is none": ("[slurm]\ntime = 'soon'\n", "time"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_slurm_refuses_is_one_sentence_in_its_own_words(lab, slurm, case) -> None:
    settings, words = BAD[case]
    lab.script("labhand.toml", settings)
    done = lab("run", "--on", "slurm", "--", "true")
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert done.stderr.startswith("labhand: ") and done.stderr.count("\n") == 1
    assert slurm_says("squeue", "-h") == "" and not list(lab.folder.glob(".labhand/sweeps/*"))


def test_without_slurm_or_ray_nothing_is_started(lab, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin" if not Path("/usr/bin/sbatch").exists() else "")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")
    for place, words in (("slurm", "Slurm"), ("ray", "Ray"), ("slrum", "did you mean `slurm`")):
        done = lab("run", "--on", place, "--", sys.executable, "-c", "")
        assert done.returncode == 2 and words in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1 and not list(lab.folder.glob(".labhand/sweeps/*"))


def test_a_slurm_that_is_down_is_told(lab, slurm, tmp_path) -> None:
    down = Path(os.environ["SLURM_CONF"]).read_text().replace("SlurmctldPort=2", "SlurmctldPort=4")
    conf = lab.script("slurm.conf", down)
    done = lab("run", "--on", "slurm", "--", "true", env=os.environ | {"SLURM_CONF": str(conf)})
    assert done.returncode == 2 and "Slurm does not answer" in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and not list(lab.folder.glob(".labhand/sweeps/*"))


def test_doctor_tells_where_runs_can_go(lab, slurm, monkeypatch) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")
    told = lab("doctor").stdout
    assert "runs can go to: debug, local, slurm" in told
    assert "not to srun: labhand is in no Slurm job" in told and "not to ray: Ray " in told


def test_what_waits_in_slurm_is_listed_and_taken_back(lab, slurm) -> None:
    lab.script("labhand.toml", "[slurm]\nbegin = 'now+1hour'\n")
    lab.script("train.py", TRAIN)
    command = ("--", sys.executable, "train.py")
    lab("run", "--on", "slurm", "--detach", "--name", "one", *command)
    lab("run", "--on", "slurm", "--detach", "--name", "two", "--sweep", "lr=1,2", *command)
    told = lab("queue").stdout
    assert told.count("slurm: pending") == 3 and "two-2    lr=2" in told
    assert "one taken back from slurm" in lab("stop", "one").stdout
    assert "two: 2 taken out of the queue" in lab("stop", "two").stdout
    assert slurm_says("squeue", "-h") == "" and "nothing waits" in lab("queue").stdout


def test_a_job_that_is_lost_with_its_node_goes_on(lab, slurm, until) -> None:
    """Everything of it is killed without a word; Slurm starts the job again, and the run goes on."""
    lab.script("train.py", TRAIN)
    command = (sys.executable, "train.py", "--wait", "600")
    lab("run", "--on", "slurm", "--detach", "--name", "night", "--", *command)
    until(lambda: "waiting" in said(lab), 60)
    number = slurm_says("squeue", "-h", "-o", "%i")
    slurm_says("scancel", "--signal=KILL", "--full", number)
    slurm_says("scontrol", "requeue", number)
    until(lambda: slurm_says("squeue", "-h", "-o", "%T") == "PENDING", 60)
    slurm_says("scontrol", "update", f"jobid={number}", "StartTime=now+3")
    until(lambda: "waiting" in said(lab, 2), 60)
    shown = lab.show("night")
    assert shown["status"] == "running" and len(shown["attempts"]) == 2
    assert shown["attempts"][0]["failure"]["kind"] == "killed"


def test_gpus_cores_and_memory_are_asked_of_slurm(lab, slurm) -> None:
    lab.script("train.py", "import os\nprint('gpus', os.environ['CUDA_VISIBLE_DEVICES'])")
    asked = ("--gpus", "2", "--cpus", "3", "--memory", "1G")
    done = lab("run", "--on", "slurm", *asked, "--", sys.executable, "train.py")
    assert done.returncode == 0 and "gpus 0,1\n" in done.stdout, done.stderr
    number = done.stderr.split("as job ")[1].split()[0]
    told = slurm_says("scontrol", "-o", "show", "job", number)
    assert "CPUs/Task=3" in told and "MinMemoryNode=1G" in told and "gres:gpu:2" in told
