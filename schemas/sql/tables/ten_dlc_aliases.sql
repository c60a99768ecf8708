create table telnyx.ten_dlc_aliases (
  entity    text collate "C" not null,
  alias     text collate "C" not null,
  id        text collate "C" not null,
  event_key uuid not null,
  constraint ten_dlc_aliases_pk primary key (entity, alias),
  constraint ten_dlc_aliases_entity_known check (entity in ('brand', 'campaign'))
);
create index ten_dlc_aliases_id_idx on telnyx.ten_dlc_aliases (entity, id);

comment on table telnyx.ten_dlc_aliases is
  'Ids of the Campaign Registry and the Telnyx id that each stands for: the things of 10DLC are known by the Telnyx id as soon as any webhook has told it.';
comment on column telnyx.ten_dlc_aliases.entity is 'brand or campaign.';
comment on column telnyx.ten_dlc_aliases.alias is 'The Campaign Registry''s id.';
comment on column telnyx.ten_dlc_aliases.id is 'The Telnyx id that it stands for.';
comment on column telnyx.ten_dlc_aliases.event_key is 'The event that says so: see ten_dlc_events.';
