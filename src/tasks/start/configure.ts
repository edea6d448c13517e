import type { Config } from '../../config.ts'
import type { Database } from '../../db/connect.ts'
import { TidingsError } from '../../errors.ts'
import type { TaskDefinition } from '../model/task-definition.ts'

/**
 * Returns the task kinds by name with the settings applied: how many run at once in a worker, and
 * for one user.
 *
 * @throws TidingsError `BAD_CONFIGURATION` when a setting names an unknown kind
 */
export function configureKinds(
  definitions: readonly TaskDefinition[],
  {
    CONCURRENCY,
    MAX_RUNNING_PER_USER,
    TASK_RETENTION_DAYS,
  }: Pick<Config, 'CONCURRENCY' | 'MAX_RUNNING_PER_USER' | 'TASK_RETENTION_DAYS'>,
): ReadonlyMap<string, TaskDefinition> {
  const kinds = definitions.map(({ kind }) => kind)
  for (const [name, value] of Object.entries({ CONCURRENCY, TASK_RETENTION_DAYS })) {
    const unknown = Object.keys(value).filter(
      (kind) => !kinds.includes(kind) && !(kind === '*' && name === 'TASK_RETENTION_DAYS'),
    )
    if (unknown.length > 0)
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `${name} names ${unknown.join(', ')}; the kinds of task are ${kinds.join(', ')}`,
      )
  }
  const usual = MAX_RUNNING_PER_USER === 0 ? null : MAX_RUNNING_PER_USER
  return new Map(
    definitions.map((definition) => [
      definition.kind,
      {
        ...definition,
        concurrency: CONCURRENCY[definition.kind] ?? definition.concurrency,
        perUser: definition.perUser === undefined ? usual : definition.perUser,
      },
    ]),
  )
}

/** Records what a start in SQL has to know about the kinds of this process; of two versions of a kind, the last to start counts. */
export async function recordKinds(
  { pool }: Pick<Database, 'pool'>,
  definitions: ReadonlyMap<string, TaskDefinition>,
): Promise<void> {
  // Sorted, as the rows are locked in this order.
  const kinds = [...definitions.values()].toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
  await pool.query(
    `insert into tidings.task_kind (name, attempts, has_begin) select * from unnest($1::text[], $2::int[], $3::boolean[])
     on conflict (name) do update set attempts = excluded.attempts, has_begin = excluded.has_begin
       where (task_kind.attempts, task_kind.has_begin) <> (excluded.attempts, excluded.has_begin)`,
    [
      kinds.map(({ kind }) => kind),
      kinds.map(({ attempts }) => attempts),
      kinds.map(({ begin }) => begin !== undefined),
    ],
  )
}
