"""What every test of evidence shares."""

import pytest

from riskmodel.parameters import library
from riskmodel.parameters.library import shipped_folder
from riskmodel.parameters.marked_yaml import load_marked


@pytest.fixture(scope="module", autouse=True)
def shipped_files_are_read_once():
    """Every check knows the shipped ids; parsing them again each time would take the longest."""
    read, shipped = {}, shipped_folder()

    def load(path):
        if not path.is_relative_to(shipped):
            return load_marked(path)
        if path not in read:
            read[path] = load_marked(path)
        return read[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "load_marked", load)
        yield
