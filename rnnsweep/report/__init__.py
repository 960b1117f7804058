"""The ablation report: reads what runs left behind, and nothing else; never imports torch."""
