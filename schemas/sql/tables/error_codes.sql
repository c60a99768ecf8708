-- Reference data, not computed from events: error_codes.sql fills it.

create table telnyx.error_codes (
  code     text collate "C" not null,
  title    text collate "C" not null,
  category text collate "C",
  advice   text collate "C",
  constraint error_codes_pk primary key (code),
  constraint error_codes_category_known check
    (category in ('auto_retriable', 'retriable_after_intervention', 'temporary_hold', 'permanent', 'action_required'))
);
comment on table telnyx.error_codes is
  'Telnyx''s messaging error codes, their meaning and the advice for each. Every migrate brings this table up to date.';
comment on column telnyx.error_codes.code is 'The code, e.g. 40300.';
comment on column telnyx.error_codes.title is 'Meaning of the code, in the vendor''s words.';
comment on column telnyx.error_codes.category is
  'auto_retriable, retriable_after_intervention, temporary_hold, permanent or action_required; null if the vendor gives none.';
comment on column telnyx.error_codes.advice is 'Advice of the vendor; null if there is none.';
