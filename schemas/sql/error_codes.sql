-- Reference data of error codes. Every migrate replaces it with the file of this release. $1: a JSON array of objects.

insert into telnyx.error_codes as known (code, title, category, advice)
select code, title, category, advice
from jsonb_to_recordset($1::jsonb) as file (code text, title text, category text, advice text)
order by code
on conflict on constraint error_codes_pk do update
  set title = excluded.title, category = excluded.category, advice = excluded.advice
  where (known.title, known.category, known.advice) is distinct from (excluded.title, excluded.category, excluded.advice);
