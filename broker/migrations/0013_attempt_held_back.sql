-- Set while the agency's own policy keeps the attempt from starting; it is then not released.
alter table broker.attempt add column held_back_by uuid;    -- the limit policy
