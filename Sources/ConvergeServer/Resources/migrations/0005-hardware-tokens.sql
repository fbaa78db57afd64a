-- The organisation's hardware OATH tokens. One that belongs to a credential in use is activated, one with a person assigned, any other free.
CREATE TABLE hardware_token (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    serial TEXT NOT NULL,
    serial_key TEXT NOT NULL,
    manufacturer TEXT NOT NULL,
    model TEXT NOT NULL,
    -- Key, hash, digits and period.
    sealed TEXT NOT NULL,
    -- Assigned to, and not activated yet.
    person_id TEXT REFERENCES person (id),
    credential_id TEXT REFERENCES credential (id),
    added_ms BIGINT NOT NULL,
    UNIQUE (organisation_id, serial_key)
);
CREATE INDEX hardware_token_person_idx ON hardware_token (person_id);
CREATE INDEX hardware_token_credential_idx ON hardware_token (credential_id);

-- By how many steps the clock of a hardware token differs from ours.
ALTER TABLE credential ADD COLUMN drift_steps BIGINT NOT NULL DEFAULT 0;
