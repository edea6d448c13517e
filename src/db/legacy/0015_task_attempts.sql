-- One entry per execution of a task, oldest first: `{ attempt, startedAt, finishedAt, outcome, error }`, the last three absent while it runs.
-- A column and not a table, as it is written by the same update as the rest of the row and read at the same moment.
alter table task add column attempts jsonb not null default '[]';

-- Executions so far, as the log tells them; a task whose events are no longer stored keeps an empty list.
update task set attempts = history.attempts
from (
  select k.id, jsonb_agg(
    jsonb_build_object('attempt', s.payload->'attempt', 'startedAt', s.at)
      || coalesce(
        jsonb_strip_nulls(jsonb_build_object(
          'finishedAt', e.at,
          'outcome', case
            when e.type is null then null
            when e.type = 'TaskCompleted' then 'COMPLETED'
            when e.type = 'TaskCanceled' then 'CANCELED'
            when e.payload->'error'->>'code' = 'WORKER_LOST' then 'WORKER_LOST'
            when e.payload->'error'->>'code' = 'WORKER_SHUT_DOWN' then 'HANDED_OVER'
            else 'FAILED'
          end,
          'error', case when e.payload->'error'->>'code' <> 'WORKER_SHUT_DOWN' then e.payload->'error' end
        )),
        '{}'
      )
    order by s.seq
  ) as attempts
  from task k
  join event s on s.topic = 'task:' || k.id and s.type = 'TaskStarted'
  left join lateral (
    select type, at, payload from event
    where topic = s.topic and seq > s.seq and type in ('TaskRetrying', 'TaskCompleted', 'TaskFailed', 'TaskCanceled')
    order by seq limit 1
  ) e on true
  where k.attempt > 0
  group by k.id
) history
where task.id = history.id;

-- Each hand-over used to raise the number of attempts by one; it is no longer counted among them.
update task set max_attempts = greatest(1, max_attempts - (
  select count(*)::int from jsonb_array_elements(attempts) as a where a->>'outcome' = 'HANDED_OVER'
))
where attempts @> '[{"outcome": "HANDED_OVER"}]';
