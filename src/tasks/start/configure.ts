import type { Config } from '../../config.ts'
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
