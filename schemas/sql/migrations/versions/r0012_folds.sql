create index if not exists opt_out_events_opt_in_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key)
  where action = 'opt_in';
create index if not exists opt_out_events_opt_out_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key)
  where action = 'opt_out';
create index if not exists opt_out_events_block_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key)
  where action <> 'help' and basis <> 'keyword';

-- Takes effect for new pages.
alter table telnyx.message_deliveries set (fillfactor = 50);
create index if not exists message_deliveries_recipient_idx on telnyx.message_deliveries (recipient);

alter table telnyx.dead_letters
  add column if not exists retention_class text collate "C",
  add column if not exists occurred_at timestamptz;
comment on column telnyx.dead_letters.retention_class is
  'Retention class of the event: with occurred_at, the part of events that holds it. Null for failures from before this column existed.';
comment on column telnyx.dead_letters.occurred_at is 'Time of the event, according to Telnyx. Null for failures from before this column existed.';
