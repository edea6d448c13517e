-- Appends events to a topic of the application, in the transaction of the caller. Servers are notified at the commit.
--
-- Input: `{ topic, events: [{ type, payload }], close? }`. Output: `{ outcome }`: PUBLISHED with the `seq` of the last event; ENDED when
-- nothing can follow. Others that append to the topic wait for the end of the transaction.
create function tidings.publish_events(request jsonb) returns jsonb language plpgsql volatile security definer as $$
#variable_conflict use_variable
declare
  topic_name constant text := request->>'topic';
  held record;
  new_at timestamptz;
  new_seq bigint;
begin
  -- After a failover that lost events, these must not continue the lost ones.
  perform log_epoch();
  insert into topic (name) values (topic_name) on conflict do nothing;
  select seq, closed into held from topic where name = topic_name for no key update;
  if held.closed then
    return jsonb_build_object('outcome', 'ENDED');
  end if;
  new_at := date_trunc('milliseconds', clock_timestamp());
  new_seq := held.seq + jsonb_array_length(request->'events');
  insert into event (topic, seq, type, at, payload)
  select topic_name, held.seq + idx, value->>'type', new_at, value->'payload'
  from jsonb_array_elements(request->'events') with ordinality as e(value, idx);
  update topic set seq = new_seq, closed = coalesce((request->>'close')::boolean, false) where name = topic_name;
  -- Delivered at the commit. Its text is limited to 8,000 bytes: without one, all topics are compared.
  perform pg_notify('tidings_published', case when octet_length(topic_name) < 7000 then topic_name else '' end);
  return jsonb_build_object('outcome', 'PUBLISHED', 'seq', new_seq);
end
$$;

-- As the functions of 0027.
do $$
begin
  execute format('alter function tidings.publish_events(jsonb) set search_path = %I, pg_temp', current_schema());
  revoke all on function tidings.publish_events(jsonb) from public;
end $$;
