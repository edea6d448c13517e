-- Corrects 0017–0019, which had been released: folding in SQL does what the application does, rows that a server of an older
-- version stores during an upgrade are complete, and messages of a session are no changes of the lists of its participants.

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

-- The words of a passage whose heading and text are folded.
create function index_passage(heading text, text text) returns tsvector language sql immutable as $$
  select setweight(to_tsvector('simple', $1), 'A') || setweight(to_tsvector('english', $1), 'A') ||
    to_tsvector('simple', $2) || to_tsvector('english', $2)
$$;

-- Passages that a server of a version before 0018 stores during an upgrade: it does not set the column.
create function fold_passage() returns trigger language plpgsql as $$
begin
  new.search := index_passage(fold_text(new.heading), fold_text(new.text));
  return new;
end
$$;
create trigger passage_search_missing before insert on passage
  for each row when (new.search is null) execute function fold_passage();

-- Passages that 0018 folded without all letters. Passages that the application folded keep their words: it also knows the case
-- of letters that the locale of the database does not.
with half as (
  select document_id, position, search, fold_text(heading) as heading, fold_text(text) as text,
    normalize(replace(regexp_replace(lower(normalize(heading, NFKD)), marks, '', 'g'), 'ß', 'ss'), NFKC) as half_heading,
    normalize(replace(regexp_replace(lower(normalize(text, NFKD)), marks, '', 'g'), 'ß', 'ss'), NFKC) as half_text
  from passage cross join (select '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]' as marks) as m
), stale as materialized (
  select * from half where (heading, text) is distinct from (half_heading, half_text)
)
update passage set search = index_passage(s.heading, s.text) from stale s
where s.document_id = passage.document_id and s.position = passage.position and s.search = index_passage(s.half_heading, s.half_text);

-- The default serves links that a server of a version before 0017 creates.
alter table session_link alter column id set default 'invitation_' || replace(gen_random_uuid()::text, '-', '');

-- Not for message_count: each message would add a row for every participant under the lock of its session.
drop trigger session_viewer_update on session;
create trigger session_viewer_update after update of title, closed_at on session
  for each row when ((old.title, old.closed_at) is distinct from (new.title, new.closed_at))
  execute function note_viewer_session();

-- A quiz and a roadmap have a topic from the beginning, whichever version stores them.
create function create_topic_of() returns trigger language plpgsql as $$
begin
  insert into topic (name) values (tg_argv[0] || ':' || new.id) on conflict do nothing;
  return null;
end
$$;
create trigger quiz_topic after insert on quiz for each row execute function create_topic_of('quiz');
create trigger roadmap_topic after insert on roadmap for each row execute function create_topic_of('roadmap');
insert into topic (name) select 'quiz:' || id from quiz on conflict do nothing;
insert into topic (name) select 'roadmap:' || id from roadmap on conflict do nothing;
