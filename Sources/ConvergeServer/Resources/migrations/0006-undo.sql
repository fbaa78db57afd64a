-- What was replaced within the last day is looked for by its time, among those that still have content.
CREATE INDEX credential_replaced_idx ON credential (retired_ms) WHERE state = 'retired' AND sealed <> '';
