"""Cells: causal maps from sequence to sequence. One file and one YAML in conf/cell each."""
