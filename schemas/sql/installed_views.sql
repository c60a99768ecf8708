-- The text of each view's file that a migrate has run. Every migrate runs this file.
-- Replacing a view locks out its readers, so a view whose file is unchanged is left alone.

create table if not exists telnyx_partitions.installed_views (
  name   text collate "C" not null,
  digest text not null,
  constraint installed_views_pk primary key (name)
);
comment on table telnyx_partitions.installed_views is 'Files of views that migrate has run. It replaces a view only if its file changed.';
comment on column telnyx_partitions.installed_views.name is 'Name of the file below schemas/sql.';
comment on column telnyx_partitions.installed_views.digest is 'SHA-256 of the file, in hexadecimal digits.';
