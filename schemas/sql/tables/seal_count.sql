-- The newest seal has no successor that would miss it, so the number of seals is kept separately.
-- This row is also the lock for making a seal, held to the end of the transaction. If a process freezes while it holds the lock, its
-- session's time limit ends the transaction.

create table telnyx.seal_count (
  seals   bigint not null,
  one_row boolean not null default true,
  constraint seal_count_pk primary key (one_row),
  constraint seal_count_one_row check (one_row)
);
insert into telnyx.seal_count (seals) values (0);
comment on table telnyx.seal_count is 'Number of seals that were made: shows that the newest ones were removed from event_seals. One row.';
comment on column telnyx.seal_count.seals is 'seq of the newest seal that was made.';
comment on column telnyx.seal_count.one_row is 'Keeps a second row out.';
