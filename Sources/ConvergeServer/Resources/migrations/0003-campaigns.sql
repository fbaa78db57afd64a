-- When somebody put a registration campaign off last, and how often in all.
ALTER TABLE person ADD COLUMN campaign_snoozed_ms BIGINT;
ALTER TABLE person ADD COLUMN campaign_snoozes BIGINT NOT NULL DEFAULT 0;
