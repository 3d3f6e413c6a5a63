"""Becomes one task of a command that runs on several nodes, and tells it which one it is.

Run as a script by srun (`python -I -S ranks.py ADDRESS PORT COMMAND…`), standard library only. What
Slurm tells of the task is said once more in the variables of torch.distributed, and of torchrun,
whose every flag can be given as `PET_…`.
"""

import os
import sys


def variables(slurm: "dict[str, str]", address: str, port: str) -> "dict[str, str]":
    """The variables of the task that `slurm`, its environment, tells of."""
    nodes = slurm["SLURM_NNODES"]
    tasks = slurm["SLURM_NTASKS"]
    return {
        "MASTER_ADDR": address,
        "MASTER_PORT": port,
        "RANK": slurm["SLURM_PROCID"],
        "WORLD_SIZE": tasks,
        "LOCAL_RANK": slurm["SLURM_LOCALID"],
        "LOCAL_WORLD_SIZE": str(int(tasks) // int(nodes)),
        "NODE_RANK": slurm["SLURM_NODEID"],
        "GROUP_RANK": slurm["SLURM_NODEID"],
        "PET_NNODES": nodes,
        "PET_NODE_RANK": slurm["SLURM_NODEID"],
        "PET_MASTER_ADDR": address,
        "PET_MASTER_PORT": port,
    }


def main(address: str, port: str, *command: str) -> None:
    """Turns this process into the command. Raises OSError."""
    os.environ.pop("LABHAND_KEEPER", None)  # it lives on the first node alone
    os.environ.update(variables(dict(os.environ), address, port))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
