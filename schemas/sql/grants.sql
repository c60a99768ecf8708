-- Rights of the roles. Every migrate runs this file after the revisions: roles made later get their rights by running migrate again.
-- Rights on events are granted by column: the reader sees that an event happened, but not its text.

comment on schema telnyx is 'Telnyx webhooks as tables. Start with message_deliveries, opt_outs and inbound_messages.';
comment on schema telnyx_partitions is 'Monthly partitions of telnyx.events. Query telnyx.events instead.';
comment on table telnyx.schema_revision is 'Installed revision of this schema. Written by migrate.';
comment on column telnyx.schema_revision.version_num is 'The revision.';

-- Everything belongs to telnyx_owner, if that role exists and this login may hand objects over to it.
do $$
declare
  statement text;
begin
  if not exists (select from pg_roles where rolname = 'telnyx_owner') or not pg_has_role(current_user, 'telnyx_owner', 'set') then
    return;
  end if;
  for statement in
    select format('alter schema %I owner to telnyx_owner', nspname)
    from pg_namespace where nspname in ('telnyx', 'telnyx_partitions') and nspowner <> 'telnyx_owner'::regrole
    union all
    select format('alter %s %s owner to telnyx_owner', case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, c.oid::regclass)
    from pg_class c
    where relnamespace in ('telnyx'::regnamespace, 'telnyx_partitions'::regnamespace)
      and relkind in ('r', 'p', 'v', 'S') and relowner <> 'telnyx_owner'::regrole
      -- A sequence that belongs to a column follows its table.
      and not (relkind = 'S' and exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i')))
    union all
    select format('alter function %s owner to telnyx_owner', oid::regprocedure)
    from pg_proc where pronamespace = 'telnyx'::regnamespace and proowner <> 'telnyx_owner'::regrole
      and proname <> 'run_as_reader'
  loop
    execute statement;
  end loop;
end
$$;

revoke all on schema telnyx, telnyx_partitions from public;
revoke all on all tables in schema telnyx from public;

do $$
declare
  function regprocedure;
begin
  -- run_as_reader belongs to telnyx_reader: see run_as_reader.sql.
  for function in select oid from pg_proc where pronamespace = 'telnyx'::regnamespace and proname <> 'run_as_reader' loop
    execute format('revoke all on function %s from public', function);
  end loop;
end
$$;

do $$
declare
  -- Tables that the reader may read completely.
  read_models constant text :=
    'telnyx.ten_dlc_events, telnyx.ten_dlc_aliases, telnyx.brands, telnyx.campaigns, telnyx.campaign_transitions, telnyx.campaign_numbers,'
    ' telnyx.spend_limit_events, telnyx.hosted_number_orders, telnyx.hosted_numbers, telnyx.toll_free_verifications, telnyx.link_clicks,'
    ' telnyx.message_deliveries, telnyx.inbound_messages, telnyx.opt_out_events, telnyx.opt_outs, telnyx.error_codes,'
    ' telnyx.projection_state, telnyx.projection_offsets, telnyx.signing_keys, telnyx.event_seals, telnyx.seal_count, telnyx.store_epochs,'
    ' telnyx.person_events, telnyx.seal_groups';
  views constant text :=
    'telnyx.delivery_hourly, telnyx.delivery_by_carrier_daily, telnyx.error_breakdown_daily, telnyx.stuck_messages,'
    ' telnyx.opt_out_daily, telnyx.opt_out_violations, telnyx.opt_outs_any_profile, telnyx.toll_free_blocks,'
    ' telnyx.uncovered_revocations, telnyx.campaign_health, telnyx.unregistered_traffic, telnyx.event_id_conflicts,'
    ' telnyx.pipeline_lag';
  -- A view runs with the rights of its caller, so callers need the functions that views call.
  classes constant text := 'telnyx.delivery_class(text, boolean), telnyx.is_toll_free(text), telnyx.is_us_long_code(text)';
  as_of constant text := 'telnyx.opt_outs_as_of(timestamptz, timestamptz)';
  conflicts constant text := 'telnyx.event_id_conflicts_since(timestamptz)';
  look_up constant text := 'telnyx.event_payload(bytea), telnyx.opt_out_evidence(text, text, timestamptz)';
  given_up constant text := 'telnyx.given_up_months()';
  make_partitions constant text := 'telnyx.ensure_partition(text, timestamptz), telnyx.ensure_partitions(timestamptz, integer)';
  written constant text :=
    'telnyx.ten_dlc_events, telnyx.ten_dlc_aliases, telnyx.brands, telnyx.campaigns, telnyx.campaign_transitions, telnyx.campaign_numbers,'
    ' telnyx.spend_limit_events, telnyx.hosted_number_orders, telnyx.hosted_numbers, telnyx.toll_free_verifications, telnyx.link_clicks,'
    ' telnyx.message_deliveries, telnyx.inbound_messages, telnyx.message_contents, telnyx.opt_out_events, telnyx.opt_outs,'
    ' telnyx.quarantined_webhooks, telnyx.dead_letters, telnyx.projection_state, telnyx.projection_offsets, telnyx.signing_keys,'
    ' telnyx.person_events, telnyx.seal_groups';
  granted record;
begin
  for granted in
    select wanted.role, wanted.statement
    from (values
      ('telnyx_ingest', 'grant usage on schema telnyx'),
      ('telnyx_ingest', 'grant select on telnyx.schema_revision'),
      ('telnyx_ingest', 'grant select (retention_class, occurred_at, event_key) on telnyx.events'),
      ('telnyx_writer', 'grant usage on schema telnyx'),
      ('telnyx_writer', 'grant select on telnyx.schema_revision, telnyx.error_codes, telnyx.event_payloads'),
      ('telnyx_writer', 'grant select, insert on telnyx.events, telnyx.event_seals'),
      ('telnyx_writer', 'grant select, update on telnyx.seal_count, telnyx.turns'),
      ('telnyx_writer', 'grant usage on sequence telnyx.events_position_seq'),
      ('telnyx_writer', 'grant select, insert, update, delete on ' || written),
      ('telnyx_writer', 'grant execute on function ' || make_partitions || ', ' || as_of || ', ' || look_up || ', ' || given_up),
      ('telnyx_reader', 'grant usage on schema telnyx'),
      ('telnyx_reader', 'grant select on telnyx.schema_revision, ' || read_models || ', ' || views),
      ('telnyx_reader', 'grant select (position, event_key, event_id, account, event_type, retention_class, occurred_at,'
                        ' received_at, recorded_at, signature, signed_timestamp, key_id) on telnyx.events'),
      ('telnyx_reader', 'grant execute on function ' || as_of || ', ' || conflicts || ', ' || classes || ', ' || given_up),
      ('telnyx_auditor', 'grant usage on schema telnyx'),
      ('telnyx_auditor', 'grant select on telnyx.schema_revision, ' || read_models || ', ' || views),
      ('telnyx_auditor', 'grant select on telnyx.events, telnyx.event_payloads, telnyx.message_contents,'
                         ' telnyx.quarantined_webhooks, telnyx.dead_letters'),
      ('telnyx_auditor', 'grant execute on function ' || as_of || ', ' || conflicts || ', ' || look_up || ', ' || classes || ', ' || given_up)
    ) as wanted (role, statement)
    join pg_roles on rolname = wanted.role
  loop
    execute format('%s to %I', granted.statement, granted.role);
  end loop;
end
$$;
