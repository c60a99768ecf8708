-- State of the installation, not computed from events: the status of each projection.

create table telnyx.projection_state (
  name    text collate "C" not null,
  version integer not null,
  status  text collate "C" not null,
  reason  text collate "C",
  since   timestamptz not null,
  constraint projection_state_pk primary key (name),
  constraint projection_state_status_known check (status in ('live', 'suspended', 'rebuilding'))
);
comment on table telnyx.projection_state is 'Status of each projection, the rules that compute tables from the events.';
comment on column telnyx.projection_state.name is 'Name of the projection.';
comment on column telnyx.projection_state.version is 'Version of its rules. A rebuild is due when the program has a newer one.';
comment on column telnyx.projection_state.status is 'live, suspended (too many failures: its tables stand still) or rebuilding.';
comment on column telnyx.projection_state.reason is 'Reason why it is not live.';
comment on column telnyx.projection_state.since is 'Time since which it has had this status.';
