-- The spool's file. Entries of `pending` wait for the sink. `refused` has the entries that the sink will never accept,
-- `damaged` those whose checksum is wrong. Both are kept for an operator, and do not delay the next entry.

create table if not exists pending (
  seq integer primary key,
  topic text not null,
  event_key text not null,
  bytes integer not null,
  checksum blob not null,
  blob blob not null
);

-- Narrow and in insertion order: a start counts the entries and loads their keys from this index, not from the blobs.
create index if not exists pending_keys on pending (seq, topic, event_key, bytes);

create table if not exists refused (
  seq integer primary key,
  topic text not null,
  event_key text not null,
  bytes integer not null,
  checksum blob not null,
  blob blob not null,
  reason text not null,
  refused_at text not null
);
create index if not exists refused_sizes on refused (bytes);

create table if not exists damaged (
  seq integer primary key,
  bytes integer not null,
  checksum blob not null,
  blob blob not null,
  found_at text not null
);
create index if not exists damaged_sizes on damaged (bytes);

-- Written and emptied after a failure, to find out whether the disk takes data.
create table if not exists scratch (blob blob not null);
