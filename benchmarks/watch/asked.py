"""Asks a peer about logs. Runs in the peers' own Python: `asked.py TOOL`, one request a line.

A request is `{"path", "asks": [numbers of rows]}`. The answer says what the tool finds in the whole
log, the CPU seconds that took, and what it finds when asked while the log is only so long.
"""

import json
import os
import sys
import tempfile
import time


def runmedic(path):
    from runmedic import checks, loaders, roles

    found = []
    for run in loaders.load(path):
        found += checks.run_checks(run, roles.detect(run, {}))
    return _levels((f.severity for f in found), "critical", "warning")


def losslint(path):
    from pathlib import Path

    from losslint.checks import CheckOptions, run_all_checks
    from losslint.parsing import ColumnOverrides, load_run

    found = run_all_checks(load_run(Path(path), ColumnOverrides()), CheckOptions())
    return _levels((f.severity for f in found), "error", "warning")


def trainproof(path):
    from trainproof.adapters import parse_log_with_format
    from trainproof.epoch import check_records

    records = parse_log_with_format(path)
    if sum("loss" in record for record in records) < 10:
        return 0, 0  # its own watch mode calls that warming up
    return _levels((f["level"] for f in check_records(records)["findings"]), "FAIL", "WARN")


def _levels(levels, alarm, warning):
    told = list(levels)
    return told.count(alarm), told.count(alarm) + told.count(warning)


def trainpulse(path):
    """It is called by the training loop, so it is asked row by row: loss, gradient norm, rate."""
    from trainpulse import Monitor

    monitor, alarms, warnings, first = Monitor(), 0, 0, None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file):
            cells = json.loads(line)
            for name in ("loss", "grad_norm", "lr"):
                for alert in monitor.log(name, cells["step"], cells[name]) if name in cells else ():
                    level = alert.severity.value
                    alarms += level == "critical"
                    warnings += level in ("critical", "warning")
                    first = number if first is None and level == "critical" else first
    return alarms, warnings, first


def answer(tool, request, folder):
    began = time.process_time()
    alarms, warnings, *first = tool(request["path"])
    told = {"alarms": alarms, "warnings": warnings, "cpu": time.process_time() - began}
    if first:
        return {**told, "first": first[0], "live": []}
    with open(request["path"], encoding="utf-8") as file:
        lines = file.readlines()
    live = []
    for rows in request["asks"]:
        path = os.path.join(folder, "log.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(lines[:rows])
        live.append([rows, *tool(path)])
    return {**told, "first": None, "live": live}


if __name__ == "__main__":
    asked = {"runmedic": runmedic, "losslint": losslint, "trainproof": trainproof}
    asked["trainpulse"] = trainpulse
    with tempfile.TemporaryDirectory() as scratch:
        for line in sys.stdin:
            print(json.dumps(answer(asked[sys.argv[1]], json.loads(line), scratch)), flush=True)
