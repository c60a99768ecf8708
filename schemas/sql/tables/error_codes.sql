-- Reference, and the state of the installation itself (not computed from events).

create table telnyx.error_codes (
  code     text collate "C" not null,
  title    text collate "C" not null,
  category text collate "C",
  advice   text collate "C",
  constraint error_codes_pk primary key (code),
  constraint error_codes_category_known check
    (category in ('auto_retriable', 'retriable_after_intervention', 'temporary_hold', 'permanent', 'action_required'))
);
comment on table telnyx.error_codes is 'What Telnyx''s messaging error codes mean and what to do about them. Brought up to date by every migrate.';
comment on column telnyx.error_codes.code is 'The code, e.g. 40300.';
comment on column telnyx.error_codes.title is 'What it means, in the vendor''s words.';
comment on column telnyx.error_codes.category is
  'auto_retriable, retriable_after_intervention, temporary_hold, permanent or action_required; null if the vendor gives none.';
comment on column telnyx.error_codes.advice is 'What the vendor says to do; null if nothing.';
