-- What is over is looked for by its time, however much there is.
CREATE INDEX budget_window_idx ON budget (window_start_ms);
CREATE INDEX notice_link_expires_idx ON notice_link (expires_ms);
