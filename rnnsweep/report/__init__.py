"""The ablation report. It reads the records of runs and nothing else, and never imports torch."""
