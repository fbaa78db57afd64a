-- What a person is told who is asked in the app, and which app decided.
ALTER TABLE approval ADD COLUMN asked TEXT;
ALTER TABLE approval ADD COLUMN decided_by TEXT;
CREATE INDEX approval_person_idx ON approval (person_id, until_ms);
-- An installed app, or the registration that waits for one: found by the keyed hash of its code, which is good once.
CREATE TABLE authenticator (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    flow_id TEXT NOT NULL,
    code_hash TEXT,
    until_ms BIGINT NOT NULL,
    activated_ms BIGINT,
    sealed TEXT NOT NULL
);
CREATE UNIQUE INDEX authenticator_code_idx ON authenticator (code_hash);
CREATE INDEX authenticator_person_idx ON authenticator (person_id);
CREATE INDEX authenticator_flow_idx ON authenticator (flow_id);
CREATE INDEX authenticator_until_idx ON authenticator (until_ms);
