-- Short ways to the root of a seal. Why: evidence about one person needs few events of many seals, and hashing all bodies of a seal for
-- each of them takes a second for every five seals.

create table telnyx.seal_groups (
  seq             bigint not null,
  first_positions bigint[] not null,
  roots           bytea not null,
  constraint seal_groups_pk primary key (seq)
);
comment on table telnyx.seal_groups is
  'The Merkle tree of each seal, cut at groups of 64 leaves. Computed from the events, and held against the seal''s root at each use: a help, not evidence.';
comment on column telnyx.seal_groups.seq is 'The seal: see event_seals.';
comment on column telnyx.seal_groups.first_positions is 'Position of the first event of each group.';
comment on column telnyx.seal_groups.roots is 'The tree hash of each group, 32 bytes each; the tree over them has the root of the seal.';
