-- The amount of work of a task, for estimates: tasks of one kind and variant (such as the format of a document) whose
-- duration depends on their size (such as bytes). Both are null where the kind declares none.
alter table task add column variant text;
alter table task add column size float8;

-- The changes of a quiz are events of its topic, appended in the transaction of each change.
insert into topic (name) select 'quiz:' || id from quiz on conflict do nothing;

-- Lists of roadmaps, quizzes, projects and sessions follow by events of the topic `viewer:<user id>`, as tasks and documents do
-- since version 0016.
create function note_viewer_object(text, text, text, boolean) returns void language sql as $$
  select note_viewer_change($1, 'ViewerObjectChanged',
    jsonb_build_object('object', $2, 'objectId', $3, 'isRemoved', $4))
$$;

-- For tables with the columns `id` and `owner`; its argument is the object.
create function note_viewer_own() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform note_viewer_object(old.owner, tg_argv[0], old.id, true);
  else
    perform note_viewer_object(new.owner, tg_argv[0], new.id, false);
  end if;
  return null;
end
$$;
create trigger roadmap_viewer_change after insert or delete on roadmap
  for each row execute function note_viewer_own('ROADMAP');
create trigger roadmap_viewer_update after update of title on roadmap
  for each row when (old.title is distinct from new.title) execute function note_viewer_own('ROADMAP');
create trigger quiz_viewer_change after insert or delete on quiz
  for each row execute function note_viewer_own('QUIZ');
create trigger quiz_viewer_update after update of status, title on quiz
  for each row when ((old.status, old.title) is distinct from (new.status, new.title)) execute function note_viewer_own('QUIZ');
create trigger project_viewer_change after insert or delete on project
  for each row execute function note_viewer_own('PROJECT');
create trigger project_viewer_update after update of status, title, version, note on project
  for each row when ((old.status, old.title, old.version, old.note) is distinct from (new.status, new.title, new.version, new.note))
  execute function note_viewer_own('PROJECT');

create function note_viewer_session() returns trigger language plpgsql as $$
begin
  perform note_viewer_object(user_id, 'SESSION', session_id, false) from session_participant where session_id = new.id;
  return null;
end
$$;
create trigger session_viewer_update after update of title, message_count, closed_at on session
  for each row when ((old.title, old.message_count, old.closed_at) is distinct from (new.title, new.message_count, new.closed_at))
  execute function note_viewer_session();

create function note_viewer_participant() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform note_viewer_object(old.user_id, 'SESSION', old.session_id, true);
  else
    perform note_viewer_object(new.user_id, 'SESSION', new.session_id, false);
  end if;
  return null;
end
$$;
create trigger session_participant_viewer_change after insert or delete on session_participant
  for each row execute function note_viewer_participant();
