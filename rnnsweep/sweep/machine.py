"""What this machine offers to workers."""

import os


def cores() -> int:
    """The cores that this process may use, which a batch system may have made fewer than there are.

    Slurm may not bind a job to its cores, and Ray never does: both say in the environment how many they gave.
    """
    for given in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        if os.environ.get(given, "").isdigit():
            return max(1, int(os.environ[given]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]
