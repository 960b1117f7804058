"""The notebook: kept without outputs, and executed as it stands; its claims are assertions in its own cells."""

from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

DEMO = ROOT / "scripts" / "demo.ipynb"


def test_it_is_kept_without_outputs() -> None:
    notebook = nbformat.read(DEMO, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type == "markdown" or (not cell.outputs and cell.execution_count is None)
        assert not cell.metadata, cell.id


@pytest.mark.slow
def test_all_that_it_claims_holds(tmp_path: Path) -> None:
    notebook = nbformat.read(DEMO, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    said = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in said if output.output_type == "error"]
    assert len([output for output in said if "image/png" in output.get("data", {})]) == 6
