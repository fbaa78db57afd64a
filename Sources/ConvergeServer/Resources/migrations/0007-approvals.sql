-- What a person decides elsewhere: on a telephone that rings, or in an app. Named by the keyed hash of its handle.
CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    credential_id TEXT,
    capability TEXT NOT NULL,
    purpose TEXT NOT NULL,
    flow_id TEXT,
    made_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    progress TEXT NOT NULL,
    outcome TEXT NOT NULL,
    failure TEXT,
    decided_ms BIGINT,
    spent_ms BIGINT,
    wrong_keys BIGINT NOT NULL,
    -- By what the carrier names its call: others' reports about it count for nothing.
    carrier_id TEXT
);
CREATE INDEX approval_until_idx ON approval (until_ms);
CREATE INDEX approval_flow_idx ON approval (flow_id);
-- By what the carrier names a message that it took.
ALTER TABLE outbox ADD COLUMN carrier_id TEXT;
-- A blocked account opens by itself then; empty: an administrator opens it.
ALTER TABLE person ADD COLUMN blocked_until_ms BIGINT;
CREATE INDEX person_blocked_idx ON person (blocked_until_ms);
