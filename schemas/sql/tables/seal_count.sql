-- The newest seal has no successor that would miss it, so how many were made is kept beside them. Its row is also the lock under which one
-- is made: it is held to the end of the transaction, and a process that freezes in one is thrown out by its session's time limit.
create table telnyx.seal_count (
  seals   bigint not null,
  one_row boolean not null default true,
  constraint seal_count_pk primary key (one_row),
  constraint seal_count_one_row check (one_row)
);
insert into telnyx.seal_count (seals) values (0);
comment on table telnyx.seal_count is 'How many seals were made: if the newest ones are taken out of event_seals, they are missed. One row.';
comment on column telnyx.seal_count.seals is 'seq of the newest seal that was made.';
comment on column telnyx.seal_count.one_row is 'Keeps a second row out.';
