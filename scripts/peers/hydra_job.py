"""A run as a Hydra job, by hand or by Lightning; Hydra's launchers sweep over it."""

from pathlib import Path

import hydra
import plain
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(config_path=".", config_name="hydra_job")
def main(config: DictConfig) -> float:
    if config.trainer == "lightning":
        from lightning_module import train
    else:
        from plain import train
    result = train(config.task, config.cell, config.lr, config.clip, config.seed, config.steps)
    plain.keep(Path(HydraConfig.get().runtime.output_dir), result)
    return result["loss"]


main()
