import json
from pathlib import Path

import pytest

from controller.agent.tables.registry import TABLES

OSQUERY = json.loads((Path(__file__).parent / "osquery_columns.json").read_text())


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_the_columns_and_types_that_osquery_gives_it_on_linux(name):
    ours = [f"{column.name}:{column.type.lower()}" for column in TABLES[name].columns]

    assert ours == OSQUERY[name].split()


def test_indexed_and_required_columns_exist():
    for table in TABLES.values():
        assert table.index | table.required <= {column.name for column in table.columns}
