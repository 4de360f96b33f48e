from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.config.parse import read
from controller.config.tidy import tidied

ROOT = Path(__file__).parents[2]
FIELDS = {
    "id": "id: x\n",
    "name": "# why this name\n# and not another\nname: Laptops   # short\n",
    "description": "description: |\n  # no comment\n  two lines  \n",
    "cis_level": "cis_level: level_1\n",
    "target_os": "target_os: linux\n",
    "severity_overrides": "severity_overrides:\n  # the worst\n  a: high\n\n  b: low # b\n",
    "exclude_checks": "exclude_checks:\n  - a\n  # c is gone\n  - b\n",
}
CHECK = {
    "id": "id: a\n",
    "title": "# told apart\n    title: T\n",
    "severity": "severity: low\n",
    "query": "query: >-\n      SELECT 1\n      FROM users\n",
    "remediation": "remediation:\n      command: x  # shown\n      # first\n      steps: [a]\n",
}


@settings(deadline=None)
@given(st.permutations(list(FIELDS)), st.booleans())
def test_fields_come_into_one_order_and_every_comment_stays_at_its_field(
    order: list[str], with_newline: bool
) -> None:
    assume(order[0] != "name")  # what stands above the first field is the heading
    text = "".join(FIELDS[key] for key in order)
    found = tidied("policies/a.yaml", text if with_newline else text.rstrip("\n"))
    if found is None:
        # A block text at the very end loses its line end there: nothing is touched then.
        assert not with_newline
        return
    keys = (
        "id",
        "name",
        "description",
        "cis_level",
        "target_os",
        "exclude_checks",
        "severity_overrides",
    )
    assert found == "".join(FIELDS[key] for key in keys)
    assert tidied("policies/a.yaml", found) == found


@settings(deadline=None)
@given(st.permutations(list(CHECK)), st.permutations(list(CHECK)))
def test_checks_of_a_catalog_are_ordered_in_place(first: list[str], second: list[str]) -> None:
    assume(first[0] != "title" != second[0])

    def item(order: list[str]) -> str:
        return "  - " + "    ".join(CHECK[key] for key in order)

    text = f"# ours\nchecks:\n{item(first)}  # the next one\n{item(second)}title: C\ncatalog: c\n"
    found = tidied("checks/a.yaml", text)
    assert found is not None
    assert found.index("catalog:") < found.index("title: C") < found.index("checks:")
    assert found.count("# told apart\n    title: T") == 2
    assert found.index("id: a") < found.index("title: T") < found.index("severity: low")
    assert found.count("# the next one") == 1
    assert tidied("checks/a.yaml", found) == found


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_the_shipped_documents_say_the_same_in_any_order(seed: int) -> None:
    files = sorted(ROOT.glob("exceptions/*.yaml")) + sorted(ROOT.glob("checks/linux/*.yaml"))
    file = random.Random(seed).choice(files)
    path, text = str(file.relative_to(ROOT)), file.read_text()
    found = tidied(path, text)
    assert found is not None
    assert [n.value for n in read(path, found.encode()).documents] == [
        n.value for n in read(path, text.encode()).documents
    ]
    assert sorted(found.split()) == sorted(text.split())


@pytest.mark.parametrize(
    "file", sorted((ROOT / "tests/corpus/yaml").glob("*.yaml")), ids=lambda f: f.stem
)
def test_hostile_files_are_left_alone_or_say_the_same(file: Path) -> None:
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError:
        return
    found = tidied("policies/a.yaml", text)
    if found is not None:
        assert [n.value for n in read("policies/a.yaml", found.encode()).documents] == [
            n.value for n in read("policies/a.yaml", text.encode()).documents
        ]


def test_documents_of_one_file_and_flow_mappings_stay_whole() -> None:
    text = "name: A\nid: a\n---\n# second\nname: B\nid: b\n"
    assert tidied("policies/a.yaml", text) == "id: a\nname: A\n---\n# second\nid: b\nname: B\n"
    assert tidied("policies/a.yaml", "{name: A, id: a}\n") == "{name: A, id: a}\n"


@pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
def test_a_file_without_anything_is_left_as_it_is(text: str) -> None:
    """It is somebody's slip, which validate names: a line end would not mend it."""
    assert tidied("policies/a.yaml", text) is None
