-- The planner puts the one expression of this SQL function in its place.

create or replace function telnyx.is_toll_free(number text) returns boolean
  language sql immutable parallel safe
return number ~ '^\+1(800|833|844|855|866|877|888)[0-9]{7}$';
comment on function telnyx.is_toll_free(text) is
  'True for a toll-free number of the +1 plan. Carriers keep a list of blocked people for each of these numbers.';
