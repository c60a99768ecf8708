-- The spool's file. `pending` waits for its target; `refused` is what the target will never accept, and `damaged` what
-- no longer has its checksum: both are kept for a person, and never stand in the way of the next entry.

create table if not exists pending (
  seq integer primary key,
  topic text not null,
  event_key text not null,
  bytes integer not null,
  checksum blob not null,
  blob blob not null
);

-- Narrow and in insertion order: what a start counts and loads for deduplication is read from here, not from the blobs.
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

-- Written and emptied again after a failure, to see whether the disk takes data.
create table if not exists scratch (blob blob not null);
