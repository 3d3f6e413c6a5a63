"""What check finds before a run is told in a few lines, however much it is."""


def test_many_findings_of_one_rule_are_counted_and_all_recorded(lab):
    flags = "\n".join(f"p.add_argument('--unused-{n}', type=int, default=0)" for n in range(6))
    text = f"import argparse\np = argparse.ArgumentParser()\n{flags}\nargs = p.parse_args()\nprint('loss: 1.0')\n"
    lab.script("train.py", text)
    done = lab.run("train.py")
    before = done.stderr.partition(" finished in ")[0]
    assert before.count("config-arg-unused train.py") == 2
    assert "4 more of config-arg-unused" in before
    assert len([f for f in lab.show()["findings"] if f["rule"] == "config-arg-unused"]) == 6
