-- Search ignores case, accents and forms of characters. The words of a passage are folded by the application
-- (`src/studio/text/fold.ts`) when it is stored, so the column is no longer generated.
alter table passage alter column search drop expression;

-- Does the same as `foldText`, but the case of letters beyond ASCII follows the locale of the database.
create function fold_text(text text) returns text language sql immutable as $$
  select normalize(
    replace(replace(replace(replace(
      translate(
        regexp_replace(
          lower(normalize($1, NFKD)),
          '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]', '', 'g'
        ),
        'øđðłħıς', 'oddlhiσ'
      ), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
    NFKC
  )
$$;

-- The words of a passage.
create function fold_passage(heading text, text text) returns tsvector language sql immutable as $$
  select setweight(to_tsvector('simple', f.heading), 'A') || setweight(to_tsvector('english', f.heading), 'A') ||
    to_tsvector('simple', f.text) || to_tsvector('english', f.text)
  from (select fold_text($1) as heading, fold_text($2) as text) as f
$$;

-- Existing passages.
update passage set search = fold_passage(heading, text);

-- Passages that a server of the version before stores during an upgrade: it does not set the column.
create function fold_unfolded_passage() returns trigger language plpgsql as $$
begin
  new.search := fold_passage(new.heading, new.text);
  return new;
end
$$;
create trigger passage_search_missing before insert on passage
  for each row when (new.search is null) execute function fold_unfolded_passage();
