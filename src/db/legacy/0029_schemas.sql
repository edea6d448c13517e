-- Moves the tables of the engine to the schema `tidings` and those of the applications to `studio`: the last migration of the versions
-- that had all of them in one schema. Its row in the old table `migration`, which remains, makes those versions refuse the database.
--
-- No row is rewritten, whatever the size of the tables; the locks exclude all other statements until the end.
do $$
declare
  old_schema constant text := current_schema();
  -- As the name of an object in it, without the dot.
  engine_schema constant text := rtrim('tidings.', '.');
  engine_tables constant text[] := array[
    'meta', 'topic', 'event', 'task', 'task_item', 'idempotency', 'task_kind', 'started_task', 'worker', 'presence_server', 'presence',
    'presence_mark', 'server_statistics', 'audit'
  ];
  application_tables constant text[] := array[
    'document', 'section', 'passage', 'document_share', 'roadmap', 'concept', 'content', 'quiz', 'question', 'question_version',
    'quiz_attempt', 'project', 'project_file', 'project_preview', 'session', 'session_participant', 'session_removal', 'session_link',
    'session_message', 'session_card', 'inbox', 'notification', 'broadcast_read', 'analytics_topic', 'analytics_question',
    'analytics_review', 'viewer_change'
  ];
  name text;
  old_function regprocedure;
  has_rows boolean := false;
begin
  -- The view of 0027, in place of which is the record of the engine's migrations.
  if exists (select from pg_class where relname = 'migration' and relkind = 'v' and relnamespace = to_regnamespace('tidings')) then
    execute format('drop view %I.migration', 'tidings');
  end if;

  -- With their triggers. The applications create them again.
  drop function if exists note_viewer_task(), note_viewer_task_erased(), note_viewer_document(), note_viewer_share(), note_viewer_own(),
    note_viewer_session(), note_viewer_participant(), note_viewer_object(text, text, text, boolean),
    note_viewer_change(text, text, jsonb), create_topic_of(), fold_passage(), index_passage(text, text), fold_text(text) cascade;

  alter table server_statistics rename constraint server_census_pkey to server_statistics_pkey;
  if old_schema <> engine_schema then
    foreach name in array engine_tables loop
      execute format('alter table %I.%I set schema %I', old_schema, name, engine_schema);
    end loop;
  end if;
  -- They keep their privileges; the next migration writes them again.
  for old_function in
    select oid from pg_proc where pronamespace <> to_regnamespace(quote_ident(engine_schema))
      and (pronamespace = to_regnamespace('tidings') or
        pronamespace = to_regnamespace(quote_ident(old_schema)) and proname in ('log_timeline', 'log_cluster', 'log_epoch'))
  loop
    execute format('alter function %s set schema %I', old_function, engine_schema);
  end loop;
  if engine_schema <> 'tidings' and old_schema <> 'tidings' then
    begin
      execute format('drop schema %I', 'tidings');
    exception when dependent_objects_still_exist or insufficient_privilege then
      -- It has objects of the team.
    end;
  end if;

  -- A team that uses only the engine has nothing in the tables of the applications.
  foreach name in array application_tables loop
    execute format('select $1 or exists (select from %I.%I)', old_schema, name) into has_rows using has_rows;
  end loop;
  if has_rows and to_regnamespace('studio') is null then
    create schema studio;
  end if;
  foreach name in array application_tables loop
    if not has_rows then
      execute format('drop table %I.%I cascade', old_schema, name);
    elsif old_schema <> 'studio' then
      execute format('alter table %I.%I set schema studio', old_schema, name);
    end if;
  end loop;
end $$;
