-- Moments at which an older copy of the database took over: a restore, or a failover to a standby that lagged.
-- Positions are assigned again there, so begin_epoch moves them on, beyond everything that a client may have read.

-- requires: functions/refuse_change_of_epochs.sql

create table if not exists telnyx.store_epochs (
  first_position bigint not null,
  last_position  bigint not null,
  last_seal      bigint not null,
  reason         text collate "C" not null,
  began_at       timestamptz not null default clock_timestamp(),
  constraint store_epochs_pk primary key (first_position)
);
comment on table telnyx.store_epochs is
  'Moments at which an older copy of the database took over. Positions go on from first_position, so that a client which had read further misses no event. Append-only.';
comment on column telnyx.store_epochs.first_position is 'No event of this epoch has a lower position.';
comment on column telnyx.store_epochs.last_position is 'Highest position in the copy. Events with a position between the two were lost with the other database.';
comment on column telnyx.store_epochs.last_seal is 'seq of the newest seal in the copy; 0 if there was none.';
comment on column telnyx.store_epochs.reason is 'Cause, in the words of the operator.';
comment on column telnyx.store_epochs.began_at is 'Time at which the epoch began.';

create or replace trigger store_epochs_no_change before update or delete or truncate on telnyx.store_epochs
  for each statement execute function telnyx.refuse_change_of_epochs();
alter table telnyx.store_epochs enable always trigger store_epochs_no_change;
