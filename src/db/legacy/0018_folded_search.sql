-- Search ignores case, accents and forms of characters. The words of a passage are folded by the application
-- (`src/studio/text/fold.ts`) when it is stored, so the column is no longer generated.
alter table passage alter column search drop expression;

-- Existing passages, as far as SQL can fold them.
update passage set search = setweight(to_tsvector('simple', f.heading), 'A') || setweight(to_tsvector('english', f.heading), 'A') ||
  to_tsvector('simple', f.text) || to_tsvector('english', f.text)
from (
  select document_id, position,
    normalize(replace(regexp_replace(lower(normalize(heading, NFKD)), marks, '', 'g'), 'ß', 'ss'), NFKC) as heading,
    normalize(replace(regexp_replace(lower(normalize(text, NFKD)), marks, '', 'g'), 'ß', 'ss'), NFKC) as text
  from passage cross join (select '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]' as marks) as m
) as f
where f.document_id = passage.document_id and f.position = passage.position;
