-- A reference that somebody reads out leads to what happened, however long the log is.
CREATE INDEX audit_correlation_idx ON audit (correlation_id);
