-- One organisation now; its id is in every aggregate's key, so that a second one needs no new tables.
CREATE TABLE organisation (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE person (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    directory_id TEXT NOT NULL,
    external_key TEXT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    locale TEXT,
    zone TEXT,
    mfa_state TEXT NOT NULL,
    roles TEXT NOT NULL,
    grace_start_ms BIGINT,
    reset_skips BIGINT NOT NULL,
    last_review_ms BIGINT,
    preference TEXT NOT NULL,
    first_held_ms BIGINT,
    mfa_first_held_ms BIGINT,
    security_version BIGINT NOT NULL,
    session_epoch BIGINT NOT NULL,
    password_hash TEXT,
    password_set_ms BIGINT,
    password_must_change BOOLEAN NOT NULL,
    password_known_to_others BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT person_name_key UNIQUE (organisation_id, name_key)
);
CREATE INDEX person_roles_idx ON person (organisation_id, roles);

CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    method TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    serves TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    verified_by TEXT,
    verified_ms BIGINT,
    channel_key TEXT NOT NULL,
    hint TEXT NOT NULL,
    sealed TEXT NOT NULL,
    added_ms BIGINT NOT NULL,
    from_first_wizard BOOLEAN NOT NULL,
    own_mail_domain BOOLEAN NOT NULL,
    valid_from_ms BIGINT,
    valid_until_ms BIGINT,
    remaining BIGINT,
    spent_step BIGINT,
    last_sign_in_ms BIGINT,
    last_reset_ms BIGINT,
    last_change_ms BIGINT,
    suspended_ms BIGINT,
    retired_ms BIGINT,
    retired_reason TEXT,
    replaced_by TEXT,
    version BIGINT NOT NULL
);
CREATE INDEX credential_person_idx ON credential (person_id, state);

CREATE TABLE recovery_code (
    credential_id TEXT NOT NULL REFERENCES credential (id),
    hash TEXT NOT NULL,
    spent_ms BIGINT,
    PRIMARY KEY (credential_id, hash)
);

CREATE TABLE access_pass (
    credential_id TEXT PRIMARY KEY REFERENCES credential (id),
    hash TEXT NOT NULL,
    uses_left BIGINT
);

CREATE TABLE person_group (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT person_group_name_key UNIQUE (organisation_id, name)
);

CREATE TABLE group_parent (
    group_id TEXT NOT NULL REFERENCES person_group (id),
    parent_id TEXT NOT NULL REFERENCES person_group (id),
    PRIMARY KEY (group_id, parent_id)
);

CREATE TABLE group_member (
    group_id TEXT NOT NULL REFERENCES person_group (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    PRIMARY KEY (group_id, person_id)
);
CREATE INDEX group_member_person_idx ON group_member (person_id);

-- Membership with every parent group resolved, and the path by which it came.
CREATE TABLE effective_membership (
    person_id TEXT NOT NULL REFERENCES person (id),
    group_id TEXT NOT NULL REFERENCES person_group (id),
    path TEXT NOT NULL,
    PRIMARY KEY (person_id, group_id)
);

CREATE TABLE policy_version (
    organisation_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    applied_ms BIGINT NOT NULL,
    applied_by TEXT NOT NULL,
    PRIMARY KEY (organisation_id, version)
);

CREATE TABLE flow (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed TEXT NOT NULL,
    version BIGINT NOT NULL,
    policy_version BIGINT NOT NULL,
    person_id TEXT,
    session_epoch BIGINT,
    browser_hash TEXT NOT NULL,
    return_to TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    closed_ms BIGINT
);
CREATE INDEX flow_person_idx ON flow (person_id);
CREATE INDEX flow_expires_idx ON flow (expires_ms);

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    secret_hash TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    idle_ms BIGINT NOT NULL,
    ends_ms BIGINT NOT NULL,
    amr TEXT NOT NULL,
    proofs TEXT NOT NULL,
    agent TEXT NOT NULL,
    network TEXT NOT NULL,
    revoked_ms BIGINT,
    CONSTRAINT session_secret_hash_key UNIQUE (secret_hash)
);
CREATE INDEX session_person_idx ON session (person_id);
CREATE INDEX session_ends_idx ON session (ends_ms);

-- A browser that has signed in as a person before; remembered: need not repeat the second step until then.
CREATE TABLE browser (
    secret_hash TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    organisation_id TEXT NOT NULL,
    known_ms BIGINT NOT NULL,
    remembered_until_ms BIGINT,
    epoch BIGINT NOT NULL,
    agent TEXT NOT NULL,
    PRIMARY KEY (secret_hash, person_id)
);
CREATE INDEX browser_person_idx ON browser (person_id);

-- Budgets of tries and sends, each under its own key; keys hold hashes, never contact data.
CREATE TABLE budget (
    key TEXT PRIMARY KEY,
    count BIGINT NOT NULL,
    window_start_ms BIGINT NOT NULL,
    locked_until_ms BIGINT,
    note TEXT
);

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    person_id TEXT,
    kind TEXT NOT NULL,
    sealed TEXT,
    not_after_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    done_ms BIGINT,
    failure TEXT
);
CREATE INDEX outbox_due_idx ON outbox (state, next_ms);
CREATE INDEX outbox_done_idx ON outbox (done_ms);

-- What could not be reached lately: 'text' or 'mail' for a whole gateway, a channel key for one number or mailbox.
CREATE TABLE delivery_trouble (
    organisation_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    failed_ms BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, channel)
);

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    category TEXT NOT NULL,
    activity TEXT NOT NULL,
    result TEXT NOT NULL,
    reason TEXT,
    person_id TEXT,
    person_name TEXT,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT,
    correlation_id TEXT,
    case_code TEXT,
    network TEXT,
    agent TEXT,
    policy_version BIGINT,
    details TEXT NOT NULL
);
CREATE INDEX audit_at_idx ON audit (organisation_id, at_ms, id);
CREATE INDEX audit_person_idx ON audit (person_id, at_ms);
CREATE INDEX audit_case_idx ON audit (case_code);

CREATE TABLE notice_link (
    hash TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    credential_id TEXT,
    what TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
);

CREATE TABLE admin_code (
    hash TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
);
