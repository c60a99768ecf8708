-- Who does not want to hear from us. Facts first (opt_out_events), then the state folded from them (opt_outs).
-- Why facts are stored: an event that arrives late changes what was true, and a court asks what was known when.

create table telnyx.opt_out_events (
  event_key            uuid not null,
  phone_number         text collate "C" not null,
  account              text collate "C" not null,
  messaging_profile_id text collate "C" not null,
  action               text collate "C" not null,
  basis                text collate "C" not null,
  keyword              text collate "C",
  via_number           text collate "C",
  telnyx_blocked       boolean not null,
  occurred_at          timestamptz not null,
  attempted_at         timestamptz,
  received_at          timestamptz not null,
  constraint opt_out_events_pk primary key (event_key, phone_number),
  constraint opt_out_events_action_known check (action in ('opt_out', 'opt_in', 'help')),
  constraint opt_out_events_basis_known check (basis in ('autoresponse', 'keyword', 'blocked_send'))
);
create index opt_out_events_person_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key);

comment on table telnyx.opt_out_events is
  'Every sign that a person opted out, opted in again or asked for help: a keyword in a message, or a send that Telnyx refused because of a STOP.';
comment on column telnyx.opt_out_events.event_key is 'The event that shows it: see events.';
comment on column telnyx.opt_out_events.phone_number is 'The person: who wrote to us, or who could not be sent to.';
comment on column telnyx.opt_out_events.account is 'The account whose key signed the event.';
comment on column telnyx.opt_out_events.messaging_profile_id is 'The messaging profile concerned; empty if the webhook names none.';
comment on column telnyx.opt_out_events.action is 'opt_out, opt_in or help.';
comment on column telnyx.opt_out_events.basis is
  'How it is known: autoresponse (Telnyx recognised the keyword), keyword (we recognised it in the text), blocked_send (Telnyx refused a message with code 40300).';
comment on column telnyx.opt_out_events.keyword is 'The keyword, in upper case; null for a refused send or a text that is too long to be one.';
comment on column telnyx.opt_out_events.via_number is 'Our number that was written to, or sent from.';
comment on column telnyx.opt_out_events.telnyx_blocked is 'True if the event shows that Telnyx itself blocks messages to this person.';
comment on column telnyx.opt_out_events.occurred_at is 'When it happened, according to Telnyx.';
comment on column telnyx.opt_out_events.attempted_at is
  'Of a refused send: when the send was attempted, if known to be before occurred_at. A refusal of a send from before an opt-in does not count.';
comment on column telnyx.opt_out_events.received_at is 'When our ingest received the event: what could be known when.';

create table telnyx.opt_outs (
  messaging_profile_id text collate "C" not null,
  phone_number         text collate "C" not null,
  account              text collate "C" not null,
  opted_out            boolean not null,
  changed_at           timestamptz not null,
  basis                text collate "C" not null,
  keyword              text collate "C",
  via_number           text collate "C",
  telnyx_blocked       boolean not null,
  last_event_key       uuid not null,
  constraint opt_outs_pk primary key (messaging_profile_id, phone_number)
) with (fillfactor = 80);

comment on table telnyx.opt_outs is
  'Who has opted out, per messaging profile and person, as far as is known now. Check opted_out before sending.';
comment on column telnyx.opt_outs.messaging_profile_id is 'The messaging profile; empty if the webhooks name none. A STOP to any of its numbers reaches the whole profile.';
comment on column telnyx.opt_outs.phone_number is 'The person.';
comment on column telnyx.opt_outs.account is 'The account whose key signed the event that decides.';
comment on column telnyx.opt_outs.opted_out is 'True: must not be sent to. False: has opted in (again).';
comment on column telnyx.opt_outs.changed_at is 'Since when: the first STOP (or START) of those that still hold. Repeating it changes nothing.';
comment on column telnyx.opt_outs.basis is 'How the deciding event is known: autoresponse, keyword or blocked_send.';
comment on column telnyx.opt_outs.keyword is 'The keyword of the deciding event.';
comment on column telnyx.opt_outs.via_number is 'Our number that the deciding event was about.';
comment on column telnyx.opt_outs.telnyx_blocked is 'Whether Telnyx itself blocks messages to this person, as far as its webhooks show.';
comment on column telnyx.opt_outs.last_event_key is 'The deciding event: see events and opt_out_evidence.';

-- One SELECT over one table, so that the planner inlines it and a condition on a person reaches the index of opt_out_events.
-- Window functions only, each partitioned by the person: anything else would stop that condition on its way down.
-- The row type of the table, because it carries the collation of the index; columns of RETURNS TABLE cannot.
-- For many persons: `cross join lateral (select * from telnyx.opt_outs_as_of(...) where ... offset 0)`; without the
-- `offset 0` the condition becomes a join above the windows, and every person is folded.
create function telnyx.opt_outs_as_of(at timestamptz, known_at timestamptz default 'infinity') returns setof telnyx.opt_outs
  language sql stable parallel safe
begin atomic
  select d.messaging_profile_id, d.phone_number, d.account, d.action = 'opt_out', d.occurred_at,
         d.basis, d.keyword, d.via_number, d.blocked, d.event_key
  from (
    select r.*,
           bool_or(r.shows_block) over (partition by r.messaging_profile_id, r.phone_number) as blocked,
           row_number() over (partition by r.messaging_profile_id, r.phone_number, r.starts_run
                              order by r.occurred_at desc, r.event_key desc) as nth_latest
    from (
      select c.*,
             lag(c.action) over (partition by c.messaging_profile_id, c.phone_number
                                 order by c.occurred_at, c.event_key) is distinct from c.action as starts_run,
             -- the latest event that can tell of Telnyx's block rule, and does
             c.basis <> 'keyword' and c.telnyx_blocked
               and row_number() over (partition by c.messaging_profile_id, c.phone_number, c.basis = 'keyword'
                                      order by c.occurred_at desc, c.event_key desc) = 1 as shows_block
      from (
        select e.*,
               max(e.occurred_at) filter (where e.action = 'opt_in')
                 over (partition by e.messaging_profile_id, e.phone_number order by e.occurred_at, e.event_key) as opted_in_at
        from telnyx.opt_out_events e
        where e.action <> 'help' and e.occurred_at <= opt_outs_as_of.at and e.received_at <= opt_outs_as_of.known_at
      ) c
      -- a refused send from before an opt-in says nothing about the consent that followed
      where c.basis <> 'blocked_send' or c.opted_in_at is null or c.opted_in_at < least(c.attempted_at, c.occurred_at)
    ) r
  ) d
  where d.starts_run and d.nth_latest = 1;
end;
comment on function telnyx.opt_outs_as_of(timestamptz, timestamptz) is
  'The rows of opt_outs as they were at a moment, as far as is known now; with known_at: as far as could be known then.';

create function telnyx.opt_out_evidence(profile text, phone text, at timestamptz)
  returns table (event_key uuid, occurred_at timestamptz, received_at timestamptz, body bytea, signature bytea,
                 signed_timestamp text, key_id text)
  language sql stable parallel safe
begin atomic
  -- class and time of the event name its partition, so that no other is read
  select e.event_key, e.occurred_at, e.received_at, e.body, e.signature, e.signed_timestamp, e.key_id
  from telnyx.opt_outs_as_of(opt_out_evidence.at) o
  join telnyx.events e
    on e.retention_class = case o.basis when 'blocked_send' then 'traffic' else 'consent' end
   and e.occurred_at = o.changed_at
   and e.event_key = o.last_event_key
  where o.messaging_profile_id = opt_out_evidence.profile and o.phone_number = opt_out_evidence.phone;
end;
comment on function telnyx.opt_out_evidence(text, text, timestamptz) is
  'The signed webhook that decided whether a person had opted out of a messaging profile at a moment. Holds message text: for auditors only.';
