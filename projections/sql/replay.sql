-- Stored events, for replay into Kafka.

-- name: page
-- params: $1 after this position, $2 last position, $3 occurred from (null: always), $4 occurred before (null: always),
-- $5 exact event types, $6 prefixes of event types, $7 most events, $8 bytes of bodies after which no event follows
-- Bounded by position as well as by number: otherwise rare events would need an endless statement. Bounded by
-- occurred_at: months outside are not read.
select position, event_key, account, received_at, body, signature, signed_timestamp, key_id
from (
  select position, event_key, account, received_at, body, signature, signed_timestamp, key_id,
         sum(octet_length(body)) over (order by position) - octet_length(body) as bytes_before
  from telnyx.events
  where position > $1 and position <= $2
    and occurred_at >= coalesce($3::timestamptz, '-infinity') and occurred_at < coalesce($4::timestamptz, 'infinity')
    and (event_type = any ($5::text[])
         or exists (select from unnest($6::text[]) as family (prefix) where starts_with(event_type, family.prefix)))
  order by position
  limit $7
) as page
where bytes_before < $8
order by position;
