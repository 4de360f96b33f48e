"""The whole schema, as named migrations in order, for every driver.

``{bytes}`` is the driver's type for binary, ``{serial}`` its self-numbering key; ``{strict}`` and
``{clustered}`` are table options that only SQLite has. Times are integers, microseconds since 1970
UTC. Truth values are 0 and 1.
"""

from __future__ import annotations

from typing import Final

_0001 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) {strict};
CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
CREATE TABLE object (
  number {serial},
  kind TEXT NOT NULL, id TEXT NOT NULL, manager TEXT NOT NULL, document TEXT NOT NULL,
  path TEXT, line BIGINT, commit_sha TEXT, url TEXT, position BIGINT,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, version BIGINT NOT NULL,
  deleted_at BIGINT,
  UNIQUE (kind, id)
);
CREATE TABLE definition (
  position INTEGER PRIMARY KEY, check_id TEXT NOT NULL, digest TEXT NOT NULL,
  UNIQUE (check_id, digest)
);
CREATE TABLE ended (waiver TEXT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (waiver, expires_at));
CREATE TABLE source (
  name TEXT PRIMARY KEY, status TEXT NOT NULL, settings TEXT NOT NULL DEFAULT '{{}}',
  request BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE revision (
  number {serial}, source TEXT NOT NULL, sha TEXT NOT NULL, attempted_at BIGINT NOT NULL,
  result TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX revision_sha ON revision (sha);
CREATE TABLE event (
  number {serial}, at BIGINT NOT NULL, object TEXT NOT NULL, reason TEXT NOT NULL,
  revision TEXT NOT NULL, message TEXT NOT NULL, count BIGINT NOT NULL,
  UNIQUE (object, reason, revision)
);
CREATE TABLE machine (
  number {serial},
  uuid TEXT NOT NULL UNIQUE, hostname TEXT NOT NULL, os TEXT NOT NULL, arch TEXT NOT NULL,
  os_version TEXT NOT NULL, agent_version TEXT NOT NULL, tags TEXT NOT NULL, status TEXT NOT NULL,
  token_hash TEXT, created_at BIGINT NOT NULL, approved_at BIGINT, approved_by TEXT
);
CREATE INDEX machine_hostname ON machine (hostname, number);
CREATE TABLE machine_token (
  hash TEXT PRIMARY KEY, machine BIGINT NOT NULL, pending BIGINT NOT NULL
);
CREATE INDEX machine_token_machine ON machine_token (machine);
CREATE TABLE machine_tag (
  tag TEXT NOT NULL, machine BIGINT NOT NULL, PRIMARY KEY (tag, machine)
) {clustered};
CREATE TABLE contact (
  machine INTEGER PRIMARY KEY,
  last_seen BIGINT, reported_at BIGINT, collected_at BIGINT, report_order TEXT,
  facts_run_at BIGINT, recent TEXT NOT NULL DEFAULT '', evaluated TEXT NOT NULL DEFAULT '{{}}',
  stale_at BIGINT, run_id TEXT, run_issued_at BIGINT, run_policies TEXT, run_asked {bytes}
);
CREATE INDEX contact_stale ON contact (stale_at);
CREATE TABLE posture (
  machine INTEGER PRIMARY KEY,
  passed {bytes} NOT NULL, failed {bytes} NOT NULL, errored {bytes} NOT NULL,
  not_applicable {bytes} NOT NULL, times {bytes} NOT NULL, heard {bytes}, spoke {bytes}
);
CREATE TABLE evidence (
  machine INTEGER PRIMARY KEY, digest {bytes} NOT NULL, stored_at BIGINT NOT NULL, body {bytes} NOT NULL
);
CREATE TABLE evidence_since (machine INTEGER PRIMARY KEY, body {bytes} NOT NULL);
CREATE TABLE score (
  slot BIGINT NOT NULL, machine BIGINT NOT NULL, policy BIGINT NOT NULL,
  hundredths BIGINT, risk BIGINT NOT NULL, compliant BIGINT,
  bare_hundredths BIGINT, bare_risk BIGINT NOT NULL, bare_compliant BIGINT,
  PRIMARY KEY (slot, machine, policy)
) {clustered};
CREATE INDEX score_order ON score (slot, policy, hundredths);
CREATE TABLE score_change (
  machine BIGINT NOT NULL, at BIGINT NOT NULL, policy BIGINT NOT NULL,
  hundredths BIGINT, risk BIGINT NOT NULL, compliant BIGINT,
  cause_kind TEXT NOT NULL, cause_ref TEXT NOT NULL, cause_detail TEXT NOT NULL
);
CREATE INDEX score_change_machine ON score_change (machine, at);
CREATE TABLE fleet_event (
  number {serial}, at BIGINT NOT NULL,
  cause_kind TEXT NOT NULL, cause_ref TEXT NOT NULL, cause_detail TEXT NOT NULL
);
CREATE TABLE fleet_score (
  event BIGINT NOT NULL, first_machine BIGINT NOT NULL, last_machine BIGINT NOT NULL, body {bytes} NOT NULL,
  PRIMARY KEY (event, first_machine)
);
CREATE TABLE transition (
  machine BIGINT NOT NULL, at BIGINT NOT NULL, position BIGINT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL
);
CREATE INDEX transition_machine ON transition (machine, at);
CREATE TABLE total (
  slot BIGINT NOT NULL, policy BIGINT NOT NULL,
  agents BIGINT NOT NULL, assessed BIGINT NOT NULL, compliant BIGINT NOT NULL, score_sum BIGINT NOT NULL,
  bare_assessed BIGINT NOT NULL, bare_compliant BIGINT NOT NULL, bare_score_sum BIGINT NOT NULL,
  critical BIGINT NOT NULL, high BIGINT NOT NULL, medium BIGINT NOT NULL, low BIGINT NOT NULL,
  unknown BIGINT NOT NULL,
  PRIMARY KEY (slot, policy)
);
CREATE TABLE check_total (
  slot BIGINT NOT NULL, position BIGINT NOT NULL,
  passed BIGINT NOT NULL, failed BIGINT NOT NULL, errored BIGINT NOT NULL, exempted BIGINT NOT NULL,
  PRIMARY KEY (slot, position)
);
CREATE TABLE trend (day TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE execution (
  policy TEXT NOT NULL, machine BIGINT NOT NULL, requested_at BIGINT NOT NULL, PRIMARY KEY (policy, machine)
);
CREATE TABLE token (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL, created_by TEXT NOT NULL, expires_at BIGINT, revoked_at BIGINT
);
CREATE TABLE enrollment_key (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, tags TEXT NOT NULL, uses_left BIGINT,
  created_at BIGINT NOT NULL, created_by TEXT NOT NULL, expires_at BIGINT, revoked_at BIGINT
);
CREATE TABLE audit (
  number {serial}, at BIGINT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  object TEXT NOT NULL, revision TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('generation', 0), ('change', 0), ('reported', 0);
"""

_0002 = """
CREATE TABLE movement (
  number {serial}, at BIGINT NOT NULL,
  cause_kind TEXT NOT NULL, cause_ref TEXT NOT NULL, cause_detail TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT
);
CREATE INDEX movement_at ON movement (at);
CREATE INDEX movement_ref ON movement (cause_ref);
CREATE INDEX contact_reported ON contact (reported_at);
CREATE INDEX audit_revision ON audit (revision) WHERE revision <> '';
"""

_0003 = """
CREATE TABLE delivery (
  source TEXT NOT NULL, provider TEXT NOT NULL, id TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (source, provider, id)
);
CREATE INDEX delivery_at ON delivery (at);
CREATE TABLE outbox (
  number {serial}, target TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0, next_at BIGINT NOT NULL, error TEXT NOT NULL DEFAULT '',
  dead_at BIGINT
);
CREATE INDEX outbox_target ON outbox (target, number);
CREATE TABLE told (machine INTEGER PRIMARY KEY, risk BIGINT NOT NULL, compliant BIGINT);
CREATE TABLE notice (object TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (object, word));
CREATE INDEX audit_object ON audit (object, number);
INSERT INTO meta (name, value)
  SELECT 'audit_head', '{{"hash":"' || hash || '","number":' || number || '}}'
  FROM audit ORDER BY number DESC LIMIT 1;
"""

_0004 = """
DROP INDEX score_order;
CREATE INDEX score_order ON score (slot, policy, hundredths, risk, compliant);
DROP INDEX machine_hostname;
CREATE INDEX machine_hostname ON machine (hostname, number, uuid);
CREATE INDEX machine_os ON machine (os, hostname, number);
CREATE INDEX machine_status ON machine (status, hostname, number);
CREATE INDEX machine_created ON machine (created_at);
CREATE INDEX contact_seen ON contact (last_seen);
"""

# Only SQLite has rows of before to carry over: these are its own functions.
_0005 = """
CREATE TABLE machine_change (
  number {serial}, machine BIGINT NOT NULL, at BIGINT NOT NULL,
  cause_kind TEXT NOT NULL, cause_ref TEXT NOT NULL, cause_detail TEXT NOT NULL,
  outcomes TEXT NOT NULL, scores TEXT NOT NULL
);
INSERT INTO machine_change (machine, at, cause_kind, cause_ref, cause_detail, outcomes, scores)
  SELECT machine, at, 'report', '', '', json_group_array(json_array(position, before, after)), '[]'
  FROM transition GROUP BY machine, at;
INSERT INTO machine_change (machine, at, cause_kind, cause_ref, cause_detail, outcomes, scores)
  SELECT machine, at, cause_kind, cause_ref, cause_detail, '[]',
  json_group_array(json_array(policy, hundredths, risk, compliant))
  FROM score_change GROUP BY machine, at, cause_kind, cause_ref, cause_detail;
CREATE INDEX machine_change_machine ON machine_change (machine, number, at);
DROP TABLE transition;
DROP TABLE score_change;
CREATE TABLE evidence_line (number {serial}, machine BIGINT NOT NULL, body {bytes} NOT NULL);
INSERT INTO evidence_line (machine, body) SELECT machine, body FROM evidence_since;
CREATE INDEX evidence_line_machine ON evidence_line (machine);
ALTER TABLE posture ADD COLUMN added BIGINT NOT NULL DEFAULT 0;
UPDATE posture SET added = (SELECT length(s.body) FROM evidence_since s WHERE s.machine = posture.machine)
  WHERE machine IN (SELECT machine FROM evidence_since);
DROP TABLE evidence_since;
CREATE TABLE outcome_time (machine INTEGER PRIMARY KEY, change BIGINT NOT NULL, body {bytes} NOT NULL);
INSERT INTO outcome_time (machine, change, body)
  SELECT machine, (SELECT coalesce(max(number), 0) FROM machine_change), times FROM posture;
ALTER TABLE posture DROP COLUMN times;
ALTER TABLE posture ADD COLUMN turns BIGINT NOT NULL DEFAULT 0;
"""

MIGRATIONS: Final[tuple[tuple[str, str], ...]] = (
    ("0001_initial", _0001),
    ("0002_dashboard", _0002),
    ("0003_gitops", _0003),
    ("0004_machine_lists", _0004),
    ("0005_one_row_a_report", _0005),
)
"""Name and statements; a name, once released, never changes."""


def statements(
    script: str, *, bytes_type: str, serial: str, strict: str = "", clustered: str = ""
) -> list[str]:
    """The statements of a migration in one driver's dialect."""
    text = script.format(bytes=bytes_type, serial=serial, strict=strict, clustered=clustered)
    return [part.strip() for part in text.split(";\n") if part.strip()]
