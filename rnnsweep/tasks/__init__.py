"""Tasks: what is learned. One file and one YAML in conf/task each."""
