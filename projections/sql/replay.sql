-- Events for a second publication.

-- name: page
-- Bounded by position as well as by number, so that rare events cost no statement without end; by occurred_at, so that
-- the months outside are not looked at.
select position, event_key, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.events
where position > $1 and position <= $2
  and occurred_at >= coalesce($3::timestamptz, '-infinity') and occurred_at < coalesce($4::timestamptz, 'infinity')
  and (event_type = any ($5::text[])
       or exists (select from unnest($6::text[]) as family (prefix) where starts_with(event_type, family.prefix)))
order by position
limit $7;
