-- Runs a statement with the rights of telnyx_reader and no others, whatever the login may do: the boundary of `sql`.
-- `set role` is none, because a statement may set the role back. Inside a security definer function Postgres refuses that, and the
-- function's owner is telnyx_reader. The rows are collected inside it: a cursor would call functions outside, with the login's rights.
-- Every migrate runs this file after the grants. A reader may not create anything in the schema, so it cannot replace the function.

do $$
declare
  role_before constant text := current_setting('role');
  caller name;
begin
  if not exists (select from pg_roles where rolname = 'telnyx_reader') then
    return;
  end if;
  if not pg_has_role(current_user, 'telnyx_reader', 'set') then
    raise warning 'the login % may not act as telnyx_reader, so telnyx.run_as_reader is not made or brought up to date', current_user
      using hint = 'grant telnyx_reader to it with set true and run migrate again; until then `sql` needs a login of telnyx_reader';
    return;
  end if;
  grant create on schema telnyx to telnyx_reader;
  perform set_config('role', 'telnyx_reader', true);
  create or replace function telnyx.run_as_reader(statement text, parameters text[]) returns setof record
    language plpgsql volatile security definer
    set search_path = telnyx, public, pg_temp
  as $function$
  begin
    return query execute statement using
      parameters[1], parameters[2], parameters[3], parameters[4], parameters[5], parameters[6], parameters[7], parameters[8],
      parameters[9], parameters[10], parameters[11], parameters[12], parameters[13], parameters[14], parameters[15], parameters[16];
  end
  $function$;
  comment on function telnyx.run_as_reader(text, text[]) is
    'Runs one statement with the rights of telnyx_reader, whatever the caller may do. Its parameters $1 to $16 are texts.';
  revoke all on function telnyx.run_as_reader(text, text[]) from public;
  for caller in
    select rolname from pg_roles
    where rolname in ('telnyx_owner', 'telnyx_writer', 'telnyx_auditor')
       or oid = (select nspowner from pg_namespace where nspname = 'telnyx')
  loop
    execute format('grant execute on function telnyx.run_as_reader(text, text[]) to %I', caller);
  end loop;
  perform set_config('role', role_before, true);
  revoke create on schema telnyx from telnyx_reader;
end
$$;
