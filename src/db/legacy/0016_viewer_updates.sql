-- Changes to a user's own tasks and library are events of the topic `viewer:<user id>`, which exists for users that have subscribed to it.
--
-- Triggers, because rows change in many places: workers, the sweeper, cancellation, deletion, sharing. They only insert, in the
-- transaction of the change; `src/studio/viewer/viewer-updates.ts` moves the rows to the log. A trigger that appended would lock topics
-- in whatever order rows change, and appends could deadlock.

create table viewer_change (
  -- Changes of one row are in the order of their transactions, as the row is locked.
  id bigint generated always as identity primary key,
  user_id text not null,
  type text not null,
  payload jsonb not null
);

create function note_viewer_change(text, text, jsonb) returns void language sql as $$
  insert into viewer_change (user_id, type, payload)
  select $1, $2, $3 where exists (select from topic where name = 'viewer:' || $1)
$$;

create function note_viewer_task() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform note_viewer_change(old.owner, 'ViewerTaskRemoved', jsonb_build_object('taskId', old.id));
  else
    perform note_viewer_change(new.owner, 'ViewerTaskChanged',
      jsonb_build_object('taskId', new.id, 'kind', new.kind, 'status', new.status));
  end if;
  return null;
end
$$;
create trigger task_viewer_change after insert or delete on task
  for each row execute function note_viewer_task();
create trigger task_viewer_status after update of status on task
  for each row when (old.status is distinct from new.status) execute function note_viewer_task();

-- Erasing a task that ended recently removes its owner, and its row later.
create function note_viewer_task_erased() returns trigger language plpgsql as $$
begin
  perform note_viewer_change(old.owner, 'ViewerTaskRemoved', jsonb_build_object('taskId', old.id));
  return null;
end
$$;
create trigger task_viewer_erased after update of owner on task
  for each row when (old.owner is distinct from new.owner) execute function note_viewer_task_erased();

-- A hash of the owner of an erased task, so that its start still counts towards the owner's limit.
alter table task add column erased_owner bigint;

create function note_viewer_document() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform note_viewer_change(old.owner, 'ViewerDocumentRemoved', jsonb_build_object('documentId', old.id));
  else
    perform note_viewer_change(readers.id, 'ViewerDocumentChanged', jsonb_build_object('documentId', new.id))
    from (select new.owner as id union select user_id from document_share where document_id = new.id) readers;
  end if;
  return null;
end
$$;
create trigger document_viewer_change after insert or delete on document
  for each row execute function note_viewer_document();
create trigger document_viewer_status after update of status, title on document
  for each row when ((old.status, old.title) is distinct from (new.status, new.title)) execute function note_viewer_document();

create function note_viewer_share() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    perform note_viewer_change(old.user_id, 'ViewerDocumentRemoved', jsonb_build_object('documentId', old.document_id));
  else
    perform note_viewer_change(new.user_id, 'ViewerDocumentChanged', jsonb_build_object('documentId', new.document_id));
  end if;
  return null;
end
$$;
create trigger document_share_viewer_change after insert or delete on document_share
  for each row execute function note_viewer_share();
