-- Shortcuts to the root of a seal. Evidence about one person needs few events of many seals; hashing all bodies of those seals takes a
-- second for every five seals.

create table telnyx.seal_groups (
  seq             bigint not null,
  first_positions bigint[] not null,
  roots           bytea not null,
  constraint seal_groups_pk primary key (seq)
);
comment on table telnyx.seal_groups is
  'The Merkle tree of each seal, cut at groups of 64 leaves. Computed from the events, and compared with the root of the seal at each use: a shortcut, not evidence.';
comment on column telnyx.seal_groups.seq is 'Seal: see event_seals.';
comment on column telnyx.seal_groups.first_positions is 'Position of the first event of each group.';
comment on column telnyx.seal_groups.roots is 'Tree hash of each group, 32 bytes each. The tree over them has the root of the seal.';
