-- Pairs of ids that name one brand or campaign, folded from ten_dlc_events.

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
  'Ids of the Campaign Registry and the Telnyx id that each stands for. Brands and campaigns are known by the Telnyx id as soon as a webhook reports it.';
comment on column telnyx.ten_dlc_aliases.entity is 'brand or campaign.';
comment on column telnyx.ten_dlc_aliases.alias is 'The Campaign Registry''s id.';
comment on column telnyx.ten_dlc_aliases.id is 'Telnyx id that it stands for.';
comment on column telnyx.ten_dlc_aliases.event_key is 'Event that reported both ids: see ten_dlc_events.';
