-- The five roles, made where the login may create roles. Every migrate runs this file before the revisions.
-- They are not part of a revision: roles belong to the server and not to the database, and a DBA may create them by hand at any time.
-- None may log in: a login that is granted one of them works with its rights.

do $$
declare
  wanted text;
  missing text[] := '{}';
  may_create boolean := (select rolsuper or rolcreaterole from pg_roles where rolname = current_user);
begin
  foreach wanted in array array['telnyx_owner', 'telnyx_ingest', 'telnyx_writer', 'telnyx_reader', 'telnyx_auditor'] loop
    continue when exists (select from pg_roles where rolname = wanted);
    if may_create then
      begin
        execute format('create role %I nologin', wanted);
      exception when duplicate_object or unique_violation then
        null; -- a migrate of another database on this server was faster
      end;
    else
      missing := missing || wanted;
    end if;
  end loop;
  if missing <> '{}' then
    raise warning 'roles not created, the login % may not create roles: %', current_user, array_to_string(missing, ', ')
      using hint = 'create them and run migrate again; without them only the owner of the tables has access';
  end if;
end
$$;

-- The creator of a role administers it, but is not yet a member (PostgreSQL 16). It becomes one here: grants.sql hands the tables over.
do $$
begin
  if exists (select from pg_roles where rolname = 'telnyx_owner')
     and not pg_has_role(current_user, 'telnyx_owner', 'set') then
    grant telnyx_owner to current_user with inherit true, set true;
  end if;
exception
  when insufficient_privilege then
    raise warning 'the login % is not a member of telnyx_owner, so it stays the owner of the objects that it creates', current_user;
end
$$;

-- run_as_reader.sql acts as telnyx_reader. Without `inherit`, the login gets none of its rights otherwise.
do $$
begin
  if exists (select from pg_roles where rolname = 'telnyx_reader')
     and not pg_has_role(current_user, 'telnyx_reader', 'set') then
    grant telnyx_reader to current_user with inherit false, set true;
  end if;
exception
  when insufficient_privilege then
    null; -- run_as_reader.sql says so
end
$$;
