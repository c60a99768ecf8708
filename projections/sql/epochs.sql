-- Epochs of the store: see schemas/sql/tables/store_epochs.sql.

-- name: begin
-- params: $1 reason
select first_position, last_position from telnyx.begin_epoch($1::text);

-- name: last
select first_position, last_position, last_seal, began_at from telnyx.store_epochs order by first_position desc limit 1;
