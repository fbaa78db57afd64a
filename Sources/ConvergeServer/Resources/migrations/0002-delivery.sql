-- What could not be reached lately: 'text' or 'mail' for a whole gateway, a channel key for one number or mailbox.
CREATE TABLE delivery_trouble (
    organisation_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    failed_ms BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, channel)
);

CREATE INDEX outbox_done_idx ON outbox (done_ms);
