import type { ClientBase } from 'pg'

/**
 * Creates a topic if it does not exist: an append to a missing topic is rejected. Runs in the
 * caller's transaction, so that an object and its topic are created together.
 */
export async function createTopic(client: Pick<ClientBase, 'query'>, topic: string): Promise<void> {
  await client.query('insert into tidings.topic (name) values ($1) on conflict do nothing', [topic])
}

/** Deletes a topic with all its events; its subscribers receive `NOT_FOUND` at the next check. */
export async function deleteTopic(client: Pick<ClientBase, 'query'>, topic: string): Promise<void> {
  // Locked first, so that nothing is appended in between.
  await client.query('select from tidings.topic where name = $1 for update', [topic])
  await client.query('delete from tidings.event where topic = $1', [topic])
  await client.query('delete from tidings.topic where name = $1', [topic])
}

/**
 * Deletes the events of a topic, and keeps the topic: a subscriber that has not received them gets a snapshot instead.
 *
 * @param kept - the number of its last events that remain
 */
export async function pruneTopic(client: Pick<ClientBase, 'query'>, topic: string, kept = 0): Promise<void> {
  await client.query('update tidings.topic set pruned_seq = greatest(pruned_seq, seq - $2::bigint) where name = $1', [
    topic,
    kept,
  ])
  await client.query(
    'delete from tidings.event where topic = $1 and seq <= (select pruned_seq from tidings.topic where name = $1)',
    [topic],
  )
}
