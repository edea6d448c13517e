-- The functions and triggers of the applications. They name the schema of every table, and find them whatever the search_path is.

-- Changes to a user's own tasks and library are events of the topic `viewer:<user id>`.
--
-- Triggers, because rows change in many places: workers, the sweeper, cancellation, deletion, sharing. They only insert, in the
-- transaction of the change; `src/studio/viewer/viewer-updates.ts` moves the rows to the log. A trigger that appended would lock topics
-- in whatever order rows change, and appends could deadlock.

create function studio.note_viewer_change(text, text, jsonb) returns void language sql as $$
  insert into studio.viewer_change (user_id, type, payload)
  select $1, $2, $3 where exists (select from tidings.topic where name = 'viewer:' || $1)
$$;

create function studio.note_viewer_task() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform studio.note_viewer_change(old.owner, 'ViewerTaskRemoved', jsonb_build_object('taskId', old.id));
  else
    perform studio.note_viewer_change(new.owner, 'ViewerTaskChanged',
      jsonb_build_object('taskId', new.id, 'kind', new.kind, 'status', new.status));
  end if;
  return null;
end
$$;
create trigger task_viewer_change after insert or delete on tidings.task
  for each row execute function studio.note_viewer_task();
create trigger task_viewer_status after update of status on tidings.task
  for each row when (old.status is distinct from new.status) execute function studio.note_viewer_task();

-- Erasing a task that ended recently removes its owner, and its row later.
create function studio.note_viewer_task_erased() returns trigger language plpgsql as $$
begin
  perform studio.note_viewer_change(old.owner, 'ViewerTaskRemoved', jsonb_build_object('taskId', old.id));
  return null;
end
$$;
create trigger task_viewer_erased after update of owner on tidings.task
  for each row when (old.owner is distinct from new.owner) execute function studio.note_viewer_task_erased();

create function studio.note_viewer_document() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform studio.note_viewer_change(old.owner, 'ViewerDocumentRemoved', jsonb_build_object('documentId', old.id));
  else
    perform studio.note_viewer_change(readers.id, 'ViewerDocumentChanged', jsonb_build_object('documentId', new.id))
    from (select new.owner as id union select user_id from studio.document_share where document_id = new.id) readers;
  end if;
  return null;
end
$$;
create trigger document_viewer_change after insert or delete on studio.document
  for each row execute function studio.note_viewer_document();
create trigger document_viewer_status after update of status, title on studio.document
  for each row when ((old.status, old.title) is distinct from (new.status, new.title)) execute function studio.note_viewer_document();

create function studio.note_viewer_share() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform studio.note_viewer_change(old.user_id, 'ViewerDocumentRemoved', jsonb_build_object('documentId', old.document_id));
  else
    perform studio.note_viewer_change(new.user_id, 'ViewerDocumentChanged', jsonb_build_object('documentId', new.document_id));
  end if;
  return null;
end
$$;
create trigger document_share_viewer_change after insert or delete on studio.document_share
  for each row execute function studio.note_viewer_share();

-- Lists of roadmaps, quizzes, projects and sessions follow in the same way.
create function studio.note_viewer_object(text, text, text, boolean) returns void language sql as $$
  select studio.note_viewer_change($1, 'ViewerObjectChanged',
    jsonb_build_object('object', $2, 'objectId', $3, 'isRemoved', $4))
$$;

-- For tables with the columns `id` and `owner`; its argument is the object.
create function studio.note_viewer_own() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform studio.note_viewer_object(old.owner, tg_argv[0], old.id, true);
  else
    perform studio.note_viewer_object(new.owner, tg_argv[0], new.id, false);
  end if;
  return null;
end
$$;
create trigger roadmap_viewer_change after insert or delete on studio.roadmap
  for each row execute function studio.note_viewer_own('ROADMAP');
create trigger roadmap_viewer_update after update of title on studio.roadmap
  for each row when (old.title is distinct from new.title) execute function studio.note_viewer_own('ROADMAP');
create trigger quiz_viewer_change after insert or delete on studio.quiz
  for each row execute function studio.note_viewer_own('QUIZ');
create trigger quiz_viewer_update after update of status, title on studio.quiz
  for each row when ((old.status, old.title) is distinct from (new.status, new.title)) execute function studio.note_viewer_own('QUIZ');
create trigger project_viewer_change after insert or delete on studio.project
  for each row execute function studio.note_viewer_own('PROJECT');
create trigger project_viewer_update after update of status, title, version, note on studio.project
  for each row when ((old.status, old.title, old.version, old.note) is distinct from (new.status, new.title, new.version, new.note))
  execute function studio.note_viewer_own('PROJECT');

create function studio.note_viewer_session() returns trigger language plpgsql as $$
begin
  perform studio.note_viewer_object(user_id, 'SESSION', session_id, false) from studio.session_participant where session_id = new.id;
  return null;
end
$$;
-- Not for message_count: each message would add a row for every participant under the lock of its session.
create trigger session_viewer_update after update of title, closed_at on studio.session
  for each row when ((old.title, old.closed_at) is distinct from (new.title, new.closed_at))
  execute function studio.note_viewer_session();

create function studio.note_viewer_participant() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform studio.note_viewer_object(old.user_id, 'SESSION', old.session_id, true);
  else
    perform studio.note_viewer_object(new.user_id, 'SESSION', new.session_id, false);
  end if;
  return null;
end
$$;
create trigger session_participant_viewer_change after insert or delete on studio.session_participant
  for each row execute function studio.note_viewer_participant();

-- A quiz and a roadmap have a topic from the beginning.
create function studio.create_topic_of() returns trigger language plpgsql as $$
begin
  insert into tidings.topic (name) values (tg_argv[0] || ':' || new.id) on conflict do nothing;
  return null;
end
$$;
create trigger quiz_topic after insert on studio.quiz for each row execute function studio.create_topic_of('quiz');
create trigger roadmap_topic after insert on studio.roadmap for each row execute function studio.create_topic_of('roadmap');
