"""GW1xx: what a file must be before its documents can be judged. Pure."""

from __future__ import annotations

from typing import Final

from controller.config.codes.entry import Code

READING: Final = (
    Code(
        "GW101",
        "not UTF-8",
        "Files are UTF-8. Other encodings show as garbage, or as something else, in a review.",
        "name: B\\xfcro   # saved as Latin-1",
        "name: Büro      # saved as UTF-8",
        "file",
    ),
    Code(
        "GW102",
        "byte order mark",
        "A byte order mark is invisible and changes the first key for some readers.",
        "\\ufeffname: Office",
        "name: Office",
        "file",
    ),
    Code(
        "GW103",
        "invisible or reordering character",
        "Control characters, bidirectional marks and zero-width characters make a file read "
        "differently from how it looks, which defeats a review.",
        'name: "Office \\u202eelbasid"',
        'name: "Office disable"',
    ),
    Code(
        "GW104",
        "file too large",
        "A file has at most 256 KiB and 1,000 documents, so that reading stays quick and a review "
        "possible.",
        "# a catalog of 300 KiB",
        "# two catalogs of 150 KiB",
        "file",
    ),
    Code(
        "GW105",
        "not valid YAML",
        "The text cannot be read as YAML from the place named. What follows it was not read. The commonest "
        "cause is a colon and a blank inside a value without quotes.",
        "name: Office: all",
        'name: "Office: all"',
    ),
    Code(
        "GW106",
        "empty file",
        "The file holds nothing. Editors and full disks leave such files behind; taken as it is, "
        "everything that the file declared would be deleted.",
        "",
        "name: Office\ncis_level: level_1\ntarget_os: linux",
        "file",
    ),
    Code(
        "GW107",
        "nested too deep",
        "No document needs more than a few levels; 32 are read. Deeper input crashes YAML parsers.",
        "frameworks: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        "frameworks: {nist-800-53: [AC-6]}",
        "check",
    ),
    Code(
        "GW108",
        "anchor or alias",
        "Anchors and aliases put the meaning of a line elsewhere in the file, and nested ones grow "
        "without bound. Write the value out.",
        "target_tags: &tags [office]",
        "target_tags: [office]",
    ),
    Code(
        "GW109",
        "merge key",
        "Merge keys are no part of YAML 1.2 and hide what a document says.",
        "<<: {enabled: false}",
        "enabled: false",
    ),
    Code(
        "GW110",
        "tag",
        "Tags ask a reader to build other types, in some readers even to run code.",
        "enabled: !!bool yes",
        "enabled: true",
    ),
    Code(
        "GW111",
        "duplicate key",
        "Most readers silently keep the last of two equal keys; a reviewer sees the first.",
        "enabled: false\nenabled: true",
        "enabled: true",
    ),
    Code(
        "GW112",
        "keys that look alike",
        "Two keys of one mapping that differ only by letter case or Unicode form are a slip or a "
        "trick.",
        'expected_result: {state: "1", State: "0"}',
        'expected_result: {state: "1"}',
        "check",
    ),
    Code(
        "GW113",
        "ambiguous plain value",
        "YAML 1.1 and YAML 1.2 read this unquoted value differently: 0644 is 420 or 644, 1_000 is a "
        "number or text, 2027-01-31 a date or text. Quote it to say that it is text. Dates need no "
        "quotes in starts_at and expires_at.",
        "expected_result: {state: 0644}",
        'expected_result: {state: "0644"}',
        "check",
    ),
    Code(
        "GW114",
        "number out of range",
        "Whole numbers fit in 64 bits, and no number is infinite or not a number.",
        "passing_score_threshold: .inf",
        "passing_score_threshold: 100",
    ),
    Code(
        "GW115",
        "key is not text",
        "Every key is text. An unquoted true, null or number as a key is something else.",
        "frameworks: {1: [AC-6]}",
        'frameworks: {"1": [AC-6]}',
        "check",
    ),
    Code(
        "GW116",
        "document is not a mapping",
        "A document is a list of 'field: value' lines, not a list or a single value.",
        "- name: Office",
        "name: Office\ncis_level: level_1\ntarget_os: linux",
        "file",
    ),
    Code(
        "GW117",
        "directive",
        "Directives (lines that begin with '%') change how the rest of a file is read.",
        "%YAML 1.1\n---\nname: Office",
        "name: Office\ncis_level: level_1\ntarget_os: linux",
        "file",
    ),
    Code(
        "GW118",
        "link or special file",
        "Only regular files are read. A link could lead out of the repository, and means something "
        "else on the next machine.",
        "policies/office.yaml -> /etc/office.yaml",
        "policies/office.yaml as a file of its own",
        "file",
    ),
    Code(
        "GW119",
        "file cannot be read",
        "The file exists but could not be read. Whoever runs the command needs the right to read it.",
        "policies/office.yaml with mode 0000",
        "policies/office.yaml with mode 0644",
        "file",
    ),
    Code(
        "GW120",
        "file holds only comments",
        "The file declares nothing. That is fine for a template; if it is a document that was "
        "switched off, delete the file or use 'enabled: false' (policies).",
        "# name: Office",
        "name: Office\ncis_level: level_1\ntarget_os: linux",
        "file",
        "warning",
    ),
    Code(
        "GW121",
        "file names that look alike",
        "Two files whose names differ only by letter case or Unicode form are one file on Windows "
        "and macOS.",
        "policies/office.yaml and policies/Office.yaml",
        "policies/office.yaml and policies/office-lab.yaml",
        "file",
    ),
    Code(
        "GW122",
        "submodule",
        "A submodule's files belong to another repository: no commit of this one says what they hold, "
        "and the controller never fetches them. Its folder has a .git of its own.",
        "policies/shared as a submodule",
        "policies/shared with the documents themselves, committed here",
        "file",
    ),
    Code(
        "GW123",
        "file name is not plain",
        "A line break or another invisible character in a name makes a review show something else; a "
        "backslash separates folders on some systems only. Names are UTF-8, of at most 1,024 characters "
        "with their folders.",
        "policies/office\\lab.yaml",
        "policies/office-lab.yaml",
        "file",
    ),
)
