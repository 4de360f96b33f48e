"""GW6xx: what is wrong with a revision as a whole; found by the reconciler, not by ``validate``. Pure."""

from __future__ import annotations

from typing import Final

from controller.config.codes.entry import Code

REVISION: Final = (
    Code(
        "GW601",
        "revision declares nothing",
        "A tree without a policy, check or exception is taken for a mistake: a wrong path or an empty "
        "branch. Where something was declared before, the prune guard asks a person instead.",
        "README.md",
        "policies/laptops.yaml\nchecks/base.yaml",
        "file",
    ),
    Code(
        "GW602",
        "tree refused",
        "The tree holds something that is never followed or read where a document belongs: a link, a "
        "submodule, a file or a number of files beyond the limits, or the configured folder is missing. "
        "Commit the documents themselves, or correct the path; gitward validate names the same.",
        "policies/laptops.yaml -> /etc/passwd",
        "policies/laptops.yaml   # the document itself",
        "file",
    ),
    Code(
        "GW603",
        "revision ends the controller",
        "Reading the revision was begun three times and the controller ended each time before it was done, "
        "so the revision is left alone and the last good one serves. "
        "Push a new commit, or run gitward reconcile to try once more.",
        "# a commit during whose reading the controller died three times",
        "# a new commit",
        "file",
    ),
    Code(
        "GW604",
        "declared by another source",
        "An object has one manager. Two sources declare the same id; remove one of the two.",
        "policies/laptops.yaml   # in the sources a and b",
        "policies/laptops.yaml   # in the source a alone",
        "file",
    ),
    Code(
        "GW605",
        "outside of the source's limit",
        "The operator lets a source declare some kinds of documents only, or only what concerns machines "
        "with certain tags. Declare it in another source, or have the limit widened.",
        "target_tags: [payments]   # in a source that may concern web machines alone",
        "target_tags: [web]",
    ),
)
