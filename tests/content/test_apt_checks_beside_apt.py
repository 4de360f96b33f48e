"""The checks of apt's settings on files made at random, beside what ``apt-config`` makes of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.agent.query import run_query
from controller.agent.runner import evaluate
from controller.agent.tables.system import find_tool
from tests.agent.machines import machine
from tests.content.asked import asked
from tests.require import require

INSTALLED = (
    "Package: unattended-upgrades\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
)
UPGRADE = "APT::Periodic::Unattended-Upgrade"
UNSIGNED = "Acquire::AllowInsecureRepositories"
NAMES = {UPGRADE: ["0", "1", "2", "always", ""], UNSIGNED: ["true", "false", "1", "0", "yes", "no"]}
FILES = ("apt.conf.d/10a", "apt.conf.d/20auto-upgrades", "apt.conf.d/99z.conf", "apt.conf")


@st.composite
def statements(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(NAMES)))
    value = draw(st.sampled_from(NAMES[name]))
    name = draw(st.sampled_from([name, name.lower()]))
    head, _, last = name.rpartition("::")
    return draw(
        st.sampled_from([f'{name} "{value}";', f'{head} {{ {last} "{value}"; }};', "// none"])
    )


CONFIGURATIONS = st.dictionaries(
    st.sampled_from(FILES), st.lists(statements(), max_size=3).map("\n".join), max_size=4
)


@given(files=CONFIGURATIONS)
@settings(max_examples=40, deadline=None)
def test_a_check_of_apt_says_what_apt_would_do(files: dict[str, str]) -> None:
    require("apt-config", find_tool("apt-config") is not None)
    with TemporaryDirectory(prefix="apt-") as folder:
        root = Path(folder)
        paths = {f"/etc/apt/{name}": text + "\n" for name, text in files.items()}
        system = machine(
            root, {"/etc/apt/apt.conf.d/": "", "/var/lib/dpkg/status": INSTALLED, **paths}
        )

        results = evaluate(
            asked(["linux-updates-automatic-on", "linux-updates-signed-packages"]),
            lambda sql: run_query(sql, system),
        )

        assert [result.status == "passed" for result in results or ()] == [
            apt_says(root, UPGRADE) not in {"", "0"},
            # A setting that a later file takes back is still a line that somebody has to remove.
            not any(accepts(text) for text in files.values()),
        ]


def accepts(text: str) -> bool:
    return any(
        UNSIGNED.rpartition("::")[2].lower() in line.lower()
        and any(f'"{word}"' in line for word in ("true", "1", "yes"))
        for line in text.splitlines()
    )


def apt_says(root: Path, name: str) -> str:
    """The value in force, as apt itself reads these files."""
    main = root / "main"
    main.write_text(
        f'Dir::Etc::parts "{root}/etc/apt/apt.conf.d";\nDir::Etc::main "{root}/etc/apt/apt.conf";\n'
    )
    done = subprocess.run(
        ["apt-config", "shell", "value", name],
        env={"PATH": os.environ["PATH"], "APT_CONFIG": str(main)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().removeprefix("value=").strip("'")
