import {
  type ExecutionResult,
  type GraphQLCompositeType,
  GraphQLError,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
  parse,
} from 'graphql'
import { createSchema } from 'graphql-yoga'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { schema } from '../../schema/studio/index.ts'
import type { PayloadBatch } from '../../src/live/deliver/frames.ts'
import { readDependence, type TopicField } from '../../src/live/execute/topic-field.ts'
import { createLive } from '../../src/live/live.ts'
import { silentLogger } from '../../src/logger.ts'
import { emptyProgress, taskTopic } from '../../src/tasks/model/task.ts'
import { createRecordingSink, type LiveFixture, startLive } from './support.ts'

let fixture: LiveFixture
beforeAll(async () => {
  fixture = await startLive()
})
afterAll(() => fixture[Symbol.asyncDispose]())

interface Watching {
  readonly viewer: { readonly userId: string; readonly secret: string }
}

/** Creates a schema with events that would leak the viewer if resolvers could access it. */
function createLeaky(taskId: string) {
  const leaky = createSchema<Watching>({
    typeDefs: `
      type Event { seq: Int! mine: String }
      type Query { ok: Boolean }
      type Subscription { watch: Event! }`,
    resolvers: { Event: { mine: (_, _args, { viewer }) => viewer.secret } },
  })
  const shared: TopicField<Watching, { readonly seq: number }> = {
    startingArguments: [],
    startOf: () => ({}),
    open: () =>
      Promise.resolve({
        topic: {
          topic: taskTopic(taskId),
          snapshot: () => Promise.resolve({ seq: 1, state: { seq: 1 } }),
          isLast: () => false,
          classOf: () => 'keep',
          join: () => null,
          read: (update) => ({ watch: { seq: update.is === 'event' ? update.event.seq : update.seq } }),
        },
      }),
  }
  const field = leaky.getSubscriptionType()?.getFields()['watch']
  if (field === undefined) throw new Error('There is no such field')
  field.extensions = { live: shared }
  const failures: ExecutionResult[] = []
  const live = createLive({
    schema: leaky,
    reader: fixture.engine.reader,
    feeds: fixture.engine.feeds,
    logger: silentLogger,
    config: { MAX_SOCKET_BUFFER_BYTES: 1_048_576, SLOW_READER_MS: 30_000 },
    // A viewer put into the services must not be visible either.
    eventContext: { viewer: { userId: 'first', secret: 'of the first' } },
    mask: (result) => {
      failures.push(result)
      return { ...result, errors: [new GraphQLError('masked')] }
    },
  })
  const watch = async (secret: string) => {
    const texts: string[] = []
    const sink = {
      ...createRecordingSink(),
      write: ({ payloads }: PayloadBatch) => void texts.push(...payloads.map(({ text }) => text)),
    }
    const result = await live.subscribe({
      schema: leaky,
      document: parse('subscription { watch { seq mine } }'),
      contextValue: {
        viewer: { userId: secret, secret },
        sinkOperation: { sink, operationId: Buffer.from('"1"'), number: 1 },
      },
    })
    if (!(Symbol.asyncIterator in result)) throw new Error('It did not subscribe')
    const iterator = result[Symbol.asyncIterator]()
    void iterator.next()
    return { texts, leave: () => void iterator.return?.() }
  }
  return { watch, failures }
}

test('a resolver that reads the viewer fails for all subscribers, and none sees data of another viewer', async () => {
  const task = await fixture.createTask()
  const { watch, failures } = createLeaky(task.id)
  const watchers = [await watch('secret of one'), await watch('secret of two')]
  for (const { texts } of watchers) await vi.waitFor(() => expect(texts).toHaveLength(1))
  await fixture.append(task)
  for (const { texts } of watchers) await vi.waitFor(() => expect(texts).toHaveLength(2))
  const all = watchers.flatMap(({ texts }) => texts).join()
  expect(all).not.toContain('secret')
  expect(all).not.toContain('of the first')
  expect(all).toContain('"mine":null')
  expect(failures.length).toBeGreaterThan(0)
  for (const { errors } of failures) expect(errors?.[0]?.message).toContain('must not read the viewer')
  for (const { leave } of watchers) leave()
})

/**
 * Selects every shared field that needs no arguments, down to a depth. Each selection begins with
 * `__typename`.
 */
function selectAll(type: GraphQLCompositeType, depth: number): string {
  const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type]
  const parts = objects.map((object) => {
    if (!isObjectType(object)) return ''
    const fields = Object.values(object.getFields()).flatMap((field) => {
      if (field.args.some((argument) => isNonNullType(argument.type) && argument.defaultValue === undefined)) return []
      if (readDependence(field) === 'viewer') return []
      const inner = getNamedType(field.type)
      const name = `${object.name}_${field.name}: ${field.name}`
      if (!isCompositeType(inner)) return [name]
      return depth === 0 ? [] : [`${name} { ${selectAll(inner, depth - 1)} }`]
    })
    return isAbstractType(type) || isInterfaceType(type)
      ? `... on ${object.name} { ${fields.join(' ')} }`
      : fields.join(' ')
  })
  return ['__typename', ...parts].join(' ')
}

test('no resolver below an event of a task reads the viewer', async () => {
  const task = await fixture.createTask()
  const event = schema.getType('TaskEvent')
  if (!isAbstractType(event)) throw new Error('There are no events')
  const query = `subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { ${selectAll(event, 3)} } }`
  const progress = { ...emptyProgress }
  const item = { key: 'a', position: 0, label: 'A', status: 'RUNNING', percent: 0, error: null }
  const error = { code: 'X', message: 'x', retryable: true, advice: null }
  const payloads: Readonly<Record<string, object>> = {
    TaskQueued: {},
    TaskItemsAdded: { items: [item] },
    TaskItemStarted: { item },
    TaskItemCompleted: { item },
    TaskItemFailed: { item: { ...item, error } },
    TaskOutput: { stream: 's', offset: 0, text: 't' },
    TaskRetrying: { error, attempt: 2, nextAttemptAt: new Date().toISOString() },
    TaskBatchCompleted: {},
  }
  for (const [type, payload] of Object.entries(payloads))
    await fixture.append(task, 1, () => ({ type, payload: { progress, ...payload } }))
  const { sink, leave } = await fixture.subscribe(task, { query, fromStart: true })
  await vi.waitFor(() => expect(sink.texts).toHaveLength(9))
  const snapshot = await fixture.subscribe(task, { query: query.replace(', fromStart: true', '') })
  await vi.waitFor(() => expect(snapshot.sink.texts).toHaveLength(1))
  for (const text of [...sink.texts, ...snapshot.sink.texts]) expect(text).not.toContain('"errors"')
  leave()
  snapshot.leave()
})
