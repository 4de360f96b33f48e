"""Signatures with real keys: who may put a commit in force, and what is said when nobody may."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.config.load import is_document
from controller.reconcile.ending import Ending
from controller.reconcile.reconciler import Reconciler
from controller.source.address import parse_address
from controller.source.mirror import GitSource
from controller.source.trust import NO_TRUST, Trust
from tests.reconcile.repository import base, policy
from tests.reconcile.rig import Rig
from tests.require import require
from tests.source.signing import Gpg, Signer, gpg, ssh_signer


class Guarded:
    """A rig whose source wants signatures."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._sources: list[GitSource] = []

    def trust(self, trust: Trust) -> None:
        """As after a restart with these settings."""
        self.close()
        self.rig.source.close()
        source = GitSource(
            name="default",
            address=parse_address(str(self.rig.repository.path), allow_local=True),
            ref="main",
            path="",
            data=self.rig.folder / "data",
            wanted=is_document,
            trust=trust,
        )
        self._sources.append(source)
        self.rig.reconciler = Reconciler(source, self.rig.store, clock=self.rig.clock)

    def reconcile(self) -> Ending:
        return self.rig.reconcile()

    def verified(self) -> tuple[str, str] | None:
        condition = self.rig.status.condition("SourceVerified")
        return (condition.status, condition.reason) if condition else None

    def close(self) -> None:
        for source in self._sources:
            source.close()
        self._sources.clear()


@pytest.fixture
def guarded(rig: Rig) -> Iterator[Guarded]:
    require("ssh-keygen", shutil.which("ssh-keygen") is not None)
    found = Guarded(rig)
    yield found
    found.close()


@pytest.fixture
def ada(tmp_path: Path) -> Signer:
    return ssh_signer(tmp_path, "ada")


@pytest.fixture
def eve(tmp_path: Path) -> Signer:
    return ssh_signer(tmp_path, "eve")


@pytest.fixture
def pgp(tmp_path: Path) -> Iterator[Gpg]:
    require("gpg", shutil.which("gpg") is not None)
    with gpg(tmp_path) as made:
        yield made


def change(number: int) -> dict[str, str | None]:
    return {"policies/laptops.yaml": policy(f"Laptops {number}")}


def refused(ending: Ending, *words: str) -> None:
    assert (ending.kind, ending.reason) == ("stalled", "VerificationFailed"), ending
    for word in words:
        assert word in ending.message


def test_without_a_wish_for_signatures_there_is_no_condition(guarded: Guarded) -> None:
    guarded.rig.commit(base())
    guarded.trust(NO_TRUST)
    assert (found := guarded.reconcile()).kind == "applied", found
    assert guarded.verified() is None


def test_a_commit_by_a_named_ssh_key_is_applied_and_its_signer_told(
    guarded: Guarded, ada: Signer
) -> None:
    ada.commit(guarded.rig.repository, base())
    guarded.trust(Trust("head", allowed_signers=ada.public))
    assert (found := guarded.reconcile()).kind == "applied", found
    assert guarded.verified() == ("True", "Verified")
    condition = guarded.rig.status.condition("SourceVerified")
    assert condition is not None
    assert "ada@example.com (SHA256:" in condition.message


@pytest.mark.parametrize("mode", ["head", "range"])
def test_unsigned_and_foreign_commits_are_refused_and_the_last_good_one_serves(
    guarded: Guarded, ada: Signer, eve: Signer, mode: Any
) -> None:
    good = ada.commit(guarded.rig.repository, base())
    guarded.trust(Trust(mode, allowed_signers=ada.public))
    guarded.reconcile()

    guarded.rig.repository.commit(change(1), "By nobody")
    refused(guarded.reconcile(), "“By nobody” by Ada is not signed")
    assert guarded.verified() == ("False", "VerificationFailed")
    assert guarded.rig.results()[-1] == ("rejected", "VerificationFailed")
    eve.commit(guarded.rig.repository, change(2), "By eve")
    refused(guarded.reconcile(), "not among those named")

    status = guarded.rig.status
    assert status.last_applied_revision == f"main@sha1:{good}"
    assert guarded.rig.ids("policy") == {"laptops"}


def test_nothing_of_an_unverified_commit_is_read(guarded: Guarded, ada: Signer) -> None:
    ada.commit(guarded.rig.repository, base())
    guarded.trust(Trust("head", allowed_signers=ada.public))
    guarded.reconcile()
    guarded.rig.repository.commit({"policies/laptops.yaml": "name: [\n"})
    refused(guarded.reconcile())
    assert guarded.rig.status.problems == ()


def test_head_looks_at_the_head_and_range_at_everything_between(
    guarded: Guarded, ada: Signer
) -> None:
    repository = guarded.rig.repository
    ada.commit(repository, base())
    guarded.trust(Trust("range", allowed_signers=ada.public))
    guarded.reconcile()
    ada.commit(repository, change(1), "First")
    middle = repository.commit(change(2), "Slipped in")
    ada.commit(repository, change(3), "Last")

    refused(guarded.reconcile(), middle[:12], "“Slipped in”", "is not signed")
    assert guarded.rig.status.condition("Stalled") is not None

    guarded.trust(Trust("head", allowed_signers=ada.public))
    assert (found := guarded.reconcile()).kind == "applied", found


def test_an_unsigned_commit_on_a_merged_branch_is_found(guarded: Guarded, ada: Signer) -> None:
    repository = guarded.rig.repository
    ada.commit(repository, base())
    guarded.trust(Trust("range", allowed_signers=ada.public))
    guarded.reconcile()
    repository.git("checkout", "--quiet", "-b", "topic")
    hidden = repository.commit({"README.md": "x"}, "Hidden")
    repository.git("checkout", "--quiet", "main")
    ada.commit(repository, change(1))
    repository.git(*ada.options, "merge", "-S", "--quiet", "--no-ff", "-m", "Merge", "topic")
    refused(guarded.reconcile(), hidden[:12])


def test_a_range_goes_on_from_the_last_verified_commit(guarded: Guarded, ada: Signer) -> None:
    repository = guarded.rig.repository
    repository.commit({"README.md": "x"}, "Before signatures were wanted")
    ada.commit(repository, base())
    guarded.trust(Trust("range", allowed_signers=ada.public))
    assert (found := guarded.reconcile()).kind == "applied", found
    ada.commit(repository, change(1))
    ada.commit(repository, change(2))
    assert (found := guarded.reconcile()).kind == "applied", found
    assert guarded.rig.status.verified_commit == repository.head


def test_other_keys_make_a_refused_head_be_looked_at_again(
    guarded: Guarded, ada: Signer, eve: Signer, tmp_path: Path
) -> None:
    keys = tmp_path / "allowed_signers"
    keys.write_text(ada.public.read_text())
    ada.commit(guarded.rig.repository, base())
    guarded.trust(Trust("head", allowed_signers=keys))
    guarded.reconcile()
    eve.commit(guarded.rig.repository, change(1))
    refused(guarded.reconcile())
    assert guarded.reconcile().kind == "settled"
    with keys.open("a") as file:
        file.write(eve.public.read_text())
    assert (found := guarded.reconcile()).kind == "applied", found
    generation = guarded.rig.status.generation
    keys.write_text(ada.public.read_text())
    # What is in force was signed by eve, who is trusted no longer: told, and not taken back.
    refused(guarded.reconcile())
    assert guarded.rig.status.generation == generation == 1


def test_an_expired_ssh_key_signs_nothing_whatever_date_the_commit_has(
    guarded: Guarded, tmp_path: Path
) -> None:
    old = ssh_signer(tmp_path, "old", options='valid-before="20260301",')
    old.commit(guarded.rig.repository, base())  # dated January 2026, when it was still good
    guarded.trust(Trust("head", allowed_signers=old.public))
    refused(guarded.reconcile(), "whose time is over")


def test_a_forges_key_is_a_trust_of_its_own_with_its_name(
    guarded: Guarded, ada: Signer, tmp_path: Path
) -> None:
    forge = ssh_signer(tmp_path, "squasher")
    forge.commit(guarded.rig.repository, base())
    guarded.trust(Trust("head", allowed_signers=ada.public))
    refused(guarded.reconcile())
    guarded.trust(
        Trust("head", allowed_signers=ada.public, forge_keys=(("codehost", forge.public),))
    )
    assert (found := guarded.reconcile()).kind == "applied", found
    condition = guarded.rig.status.condition("SourceVerified")
    assert condition is not None
    assert "the forge codehost (SHA256:" in condition.message


def test_keys_that_cannot_be_read_make_nothing_count(
    guarded: Guarded, ada: Signer, tmp_path: Path
) -> None:
    ada.commit(guarded.rig.repository, base())
    guarded.trust(Trust("head", allowed_signers=tmp_path / "gone"))
    refused(guarded.reconcile(), "cannot be read")


def test_keys_in_the_repository_are_not_looked_at(
    guarded: Guarded, ada: Signer, eve: Signer
) -> None:
    files = {**base(), "allowed_signers": eve.public.read_text()}
    eve.commit(guarded.rig.repository, files)
    guarded.rig.repository.git("config", "gpg.ssh.allowedSignersFile", str(eve.public))
    guarded.trust(Trust("head", allowed_signers=ada.public))
    refused(guarded.reconcile())


def test_openpgp_keys_good_foreign_expired_and_revoked(guarded: Guarded, pgp: Gpg) -> None:
    repository = guarded.rig.repository
    good, foreign = pgp.signer("grace"), pgp.signer("mallory")
    old = pgp.signer("olga", expires="1d", at="20200101T000000")
    gone = pgp.signer("rita")
    good.commit(repository, base())
    guarded.trust(Trust("range", gpg_keyring=good.public))
    assert (found := guarded.reconcile()).kind == "applied", found
    condition = guarded.rig.status.condition("SourceVerified")
    assert condition is not None
    assert "grace <grace@example.com>" in condition.message

    foreign.commit(repository, change(1))
    refused(guarded.reconcile(), "not among those named")

    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    old.commit(repository, change(2))
    guarded.trust(Trust("range", gpg_keyring=old.public))
    refused(guarded.reconcile(), "whose time is over")

    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    gone.commit(repository, change(3))
    pgp.revoke(gone)
    guarded.trust(Trust("range", gpg_keyring=gone.public))
    refused(guarded.reconcile(), "revoked")


def test_a_forges_openpgp_key_is_told_by_the_operators_name_for_it(
    guarded: Guarded, pgp: Gpg
) -> None:
    forge, person = pgp.signer("webflow"), pgp.signer("grace")
    person.commit(guarded.rig.repository, base())
    guarded.trust(Trust("range", gpg_keyring=person.public, forge_keys=(("github", forge.public),)))
    assert (found := guarded.reconcile()).kind == "applied", found
    forge.commit(guarded.rig.repository, change(1))
    assert (found := guarded.reconcile()).kind == "applied", found
    condition = guarded.rig.status.condition("SourceVerified")
    assert condition is not None
    assert "the forge github (" in condition.message


def test_a_file_without_keys_is_refused_in_words(
    guarded: Guarded, pgp: Gpg, tmp_path: Path
) -> None:
    pgp.signer("grace").commit(guarded.rig.repository, base())
    empty = tmp_path / "empty.asc"
    empty.write_text("")
    guarded.trust(Trust("head", gpg_keyring=empty))
    refused(guarded.reconcile(), "empty.asc")


def test_no_key_folder_is_left_behind(guarded: Guarded, ada: Signer) -> None:
    ada.commit(guarded.rig.repository, base())
    guarded.trust(Trust("head", allowed_signers=ada.public))
    guarded.reconcile()
    root = guarded.rig.folder / "data/mirrors/default"
    assert sorted(path.name for path in root.iterdir()) == ["home", "lock", "mirror.git"]
