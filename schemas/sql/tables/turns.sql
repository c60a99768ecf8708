-- Locks for writers. A lock is a row, or the table itself, of which only a role with the right to update it takes hold.
-- An advisory lock would serve as well, but every login may take one: a dashboard could stop all projectors.
-- Rows 0 to 255 are for opt_outs (a person is in one of them, by hash), row 256 is for 10DLC, and the table is for the append to events.
-- A row that is locked is not changed: the table never grows.

create table if not exists telnyx.turns (
  turn smallint not null,
  constraint turns_pk primary key (turn)
);
insert into telnyx.turns (turn) select generate_series(0, 256) on conflict on constraint turns_pk do nothing;

comment on table telnyx.turns is
  'Locks by which projectors take turns. The rows never change: a projector locks them, and the table while it appends to events.';
comment on column telnyx.turns.turn is 'Number of the lock: 0 to 255 for the opt-outs of a part of all persons, 256 for 10DLC.';
