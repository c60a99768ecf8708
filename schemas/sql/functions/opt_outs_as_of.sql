-- opt_outs at a moment in the past.
-- This is one SELECT over one table: the planner inlines it, and a condition on a person reaches the index of opt_out_events.
-- It has window functions only, each partitioned by the person: anything else would stop that condition on its way down.
-- It returns the row type of the table, which carries the collation of the index; columns of RETURNS TABLE cannot.
-- For many persons: `cross join lateral (select * from telnyx.opt_outs_as_of(...) where ... offset 0)`. Without the `offset 0` the
-- condition becomes a join above the windows, and every person is folded.

create or replace function telnyx.opt_outs_as_of(at timestamptz, known_at timestamptz default 'infinity') returns setof telnyx.opt_outs
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
             -- the latest event that can show Telnyx's block rule, and does
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
      -- A refused send from before an opt-in says nothing about the consent that followed.
      where c.basis <> 'blocked_send' or c.opted_in_at is null or c.opted_in_at < least(c.attempted_at, c.occurred_at)
    ) r
  ) d
  where d.starts_run and d.nth_latest = 1;
end;
comment on function telnyx.opt_outs_as_of(timestamptz, timestamptz) is
  'The rows of opt_outs as they were at a moment, as far as is known now. With known_at: as far as could be known then.';
