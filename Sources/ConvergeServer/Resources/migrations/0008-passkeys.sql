-- The kind of authenticator that holds a passkey, in clear: policies allow and shut out kinds, and are played for everybody before they apply.
ALTER TABLE credential ADD COLUMN authenticator TEXT;
