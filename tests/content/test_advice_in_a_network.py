"""Our advice for the network, typed word for word in a network of its own, and the real tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from controller.agent.tables.system import find_tool
from tests.content.documents import ROOT, checks
from tests.require import require

ADVICE = {check["id"]: check["remediation"].get("command", "") for check in checks("linux")}
SPOILT = {
    "linux-net-ip-forwarding": ["net.ipv4.ip_forward=1"],
    "linux-net-icmp-redirects": ["net.ipv4.conf.all.accept_redirects=1"],
    "linux-net-source-routing": ["net.ipv4.conf.default.accept_source_route=1"],
    "linux-net-reverse-path": ["net.ipv4.conf.all.rp_filter=2"],
    "linux-net-syn-cookies": ["net.ipv4.tcp_syncookies=0"],
}
FILTER = "linux-firewall-default-deny"
SCRIPT = """
import json, subprocess, sys
from controller.agent.query import run_query
from controller.agent.runner import evaluate
from tests.content.asked import asked
check, *commands = json.load(sys.stdin)
for number, command in enumerate(commands):
    subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (result,) = evaluate(asked([check]), run_query)
    print(result.status)
"""

LIST = """
import json, subprocess
from controller.agent.query import run_query
rows = run_query("SELECT chain, policy, target, dst_port FROM iptables WHERE filter_name = 'filter'")
subprocess.run(["iptables", "-S"], check=True)
print(json.dumps(rows))
"""


def told(check: str, *commands: str) -> list[str]:
    """The outcome of the check after each command, all in one new network."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", SCRIPT],
        input=json.dumps([check, *commands]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.fixture(autouse=True)
def needed() -> None:
    require("root", os.geteuid() == 0)
    require("unshare", find_tool("unshare") is not None)
    require(
        "a network namespace",
        subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode
        == 0,
    )


@pytest.mark.parametrize("check", SPOILT)
def test_the_command_of_the_advice_is_enough(check):
    require("sysctl", find_tool("sysctl") is not None)
    wrong = f"sysctl -w {' '.join(SPOILT[check])}"

    assert told(check, wrong, ADVICE[check]) == ["failed", "passed"]


def test_the_packet_filter_refuses_after_the_command_of_the_advice():
    require("iptables", find_tool("iptables") is not None)

    assert told(FILTER, "iptables -P INPUT ACCEPT", ADVICE[FILTER]) == ["failed", "passed"]


def test_rules_and_policies_are_those_that_iptables_lists():
    require("iptables", find_tool("iptables") is not None)
    rules = "iptables -P FORWARD DROP; iptables -A INPUT -p tcp --dport 22 -j ACCEPT; "
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", rules + 'exec "$0" -c "$1"', sys.executable, LIST],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *listed, rows = done.stdout.splitlines()
    told = [line.split() for line in listed]
    found = json.loads(rows)

    assert {row["chain"]: row["policy"] for row in found if row["policy"]} == {
        words[1]: words[2] for words in told if words[0] == "-P"
    }
    assert [(row["chain"], row["target"], row["dst_port"]) for row in found if row["target"]] == [
        (words[1], words[-1], words[words.index("--dport") + 1])
        for words in told
        if words[0] == "-A"
    ]
