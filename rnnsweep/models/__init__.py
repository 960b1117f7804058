"""Topologies: what stands around a cell."""
