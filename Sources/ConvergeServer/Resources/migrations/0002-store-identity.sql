-- What only the right key ring can say of this organisation, so that a wrong one is noticed before it seals anything.
ALTER TABLE organisation ADD COLUMN key_check TEXT;
-- Filled by the demo, with people whose passwords everybody knows.
ALTER TABLE organisation ADD COLUMN is_demo BOOLEAN NOT NULL DEFAULT FALSE;
