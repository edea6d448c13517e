import type { GraphQLSchema } from 'graphql'
import { printWatch } from '../../client/kinds/watch-text.ts'
import { selectPresent } from '../library/selection.ts'
import { findStartFields, type StartField } from '../library/start-fields.ts'
import { type RecordedEvent, type Recording, recordingVersion } from '../recording.ts'
import type { TestClient } from './test-client.ts'

/** Events per query: more would exceed the default limit of its cost. */
const pageSize = 10

interface RecordedPage {
  readonly task: Recording['task'] & {
    readonly events: {
      readonly edges: readonly { readonly node: RecordedEvent }[]
      readonly pageInfo: { readonly hasNextPage: boolean }
    }
  }
}

/**
 * Records the log of a task, as the pages of its kind receive it.
 *
 * @param options.execute - with the permissions of its owner
 */
export async function recordTask(
  { id, kind }: { readonly id: string; readonly kind: string },
  { schema, execute }: { readonly schema: GraphQLSchema; readonly execute: TestClient['execute'] },
): Promise<Recording> {
  const start = findStartFields(schema).find((field) => field.kind === kind)
  if (start === undefined)
    throw new TypeError(`The kind ${kind} of the task "${id}" is not among the tasks of this test`)
  const query = printQuery(start, schema)
  const events: RecordedEvent[] = []
  const readPage = async (after: string | null): Promise<RecordedPage['task']> => {
    const { data, errors } = await execute<RecordedPage>(query, { id, after })
    if (!data) throw new AggregateError(errors ?? [], `The task "${id}" cannot be recorded: ${errors?.[0]?.message}`)
    return data.task
  }
  for (let page = await readPage(null); ; page = await readPage(events.at(-1)?.cursor ?? null)) {
    const { events: part, ...task } = page
    events.push(...part.edges.map(({ node }) => node))
    if (!part.pageInfo.hasNextPage)
      return { version: recordingVersion, mutation: { field: start.name, success: start.success.name }, task, events }
  }
}

/** Selects of a task and of its events what the subscription of a page does. */
function printQuery({ result, errors }: StartField, schema: GraphQLSchema): string {
  const select = (name: string): string => {
    const type = schema.getType(name)
    return `... on ${name} ${selectPresent(type as never, schema, []).text}`
  }
  const details = Object.values(errors).flatMap((name) => (name === null ? [] : [select(name)]))
  const [, fragments = ''] = printWatch({
    result: result === null ? null : select(result),
    details: details.length === 0 ? null : details.join(' '),
  }).split(/(?=fragment TaskEventFields )/)
  return `query Record($id: ID!, $after: Cursor) {
    task(id: $id) {
      ...TaskFields
      createdAt
      events(first: ${pageSize}, after: $after) { edges { node { ...TaskEventFields } } pageInfo { hasNextPage } }
    }
  } ${fragments}`
}
