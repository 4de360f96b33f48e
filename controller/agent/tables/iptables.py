"""``iptables``: chains with their policies, and rules, as ``iptables-save`` prints them.

One row for each rule and, after them, one for each chain, whose rule columns are empty. IPv4, as in
osquery. Rules of nftables are seen as far as ``iptables-save`` shows them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

_PROTOCOLS: Final = {"all": 0, "icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
_LOADED: Final = "/proc/net/ip_tables_names"
_OPTIONS: Final = {
    "-s": "source",
    "-d": "destination",
    "-i": "iniface",
    "-o": "outiface",
    "-p": "protocol",
    "-j": "target",
    "-g": "target",
    "--sport": "src_port",
    "--sports": "src_port",
    "--dport": "dst_port",
    "--dports": "dst_port",
}
_EMPTY: Final = dict.fromkeys(
    ("target", "match", "src_port", "dst_port", "iniface_mask", "outiface_mask"), ""
)


def _iptables(system: System, _: Constraints) -> Iterator[TableRow]:
    text = system.run("iptables-save", "-c")
    if text is None:
        if system.exists(_LOADED) and system.read(_LOADED):
            raise TableUnreadableError("rules are loaded, but iptables-save is not installed")
        return
    yield from saved_rows(text)


def saved_rows(text: str) -> Iterator[TableRow]:
    """The rows for what ``iptables-save -c`` printed."""
    table = ""
    chains: dict[str, TableRow] = {}
    rules: dict[str, list[TableRow]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            table, chains, rules = line[1:].strip(), {}, {}
        elif line.startswith(":"):
            name, policy, *counters = line[1:].split()
            packets, amount = _counters(counters[0] if counters else "")
            chains[name] = {
                **_EMPTY,
                "filter_name": table,
                "chain": name,
                # A chain that a person made has no policy; a dash stands there.
                "policy": "" if policy == "-" else policy,
                "packets": packets,
                "bytes": amount,
            }
        elif line.startswith("["):
            counters_text, _append, chain, *words = line.split()
            packets, amount = _counters(counters_text)
            rule = {**chains.get(chain, {}), **_rule(words), "packets": packets, "bytes": amount}
            rules.setdefault(chain, []).append(rule)
        elif line == "COMMIT":
            for name, chain_row in chains.items():
                yield from rules.get(name, [])
                yield chain_row


def _counters(text: str) -> tuple[int, int]:
    packets, _, amount = text.strip("[]").partition(":")
    return (int(packets), int(amount)) if packets.isdecimal() and amount.isdecimal() else (0, 0)


def _rule(words: list[str]) -> TableRow:
    found: dict[str, str] = {}
    negated = False
    for number, word in enumerate(words[:-1]):
        if word in _OPTIONS:
            value = words[number + 1]
            found[_OPTIONS[word]] = f"!{value}" if negated else value
        negated = word == "!"
    source, source_mask = _network(found.get("source", "0.0.0.0/0"))
    destination, destination_mask = _network(found.get("destination", "0.0.0.0/0"))
    protocol = found.get("protocol", "all").lstrip("!")
    return {
        "target": found.get("target", ""),
        "protocol": _PROTOCOLS.get(protocol, int(protocol) if protocol.isdecimal() else 0),
        "src_port": found.get("src_port", ""),
        "dst_port": found.get("dst_port", ""),
        "src_ip": source,
        "src_mask": source_mask,
        "dst_ip": destination,
        "dst_mask": destination_mask,
        "iniface": found.get("iniface", "all"),
        "outiface": found.get("outiface", "all"),
        "match": "yes" if "-m" in words else "no",
    }


def _network(text: str) -> tuple[str, str]:
    negation = "!" if text.startswith("!") else ""
    try:
        network = ipaddress.IPv4Network(text.removeprefix("!"), strict=False)
    except ValueError:
        return text, ""
    return f"{negation}{network.network_address}", str(network.netmask)


TABLES: Final = (
    Table(
        "iptables",
        columns(
            "filter_name chain policy target protocol:integer src_port dst_port src_ip src_mask "
            "iniface iniface_mask dst_ip dst_mask outiface outiface_mask match packets:integer "
            "bytes:integer"
        ),
        _iptables,
    ),
)
