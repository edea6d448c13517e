import {
  type ExecutionResult,
  type GraphQLNamedType,
  type GraphQLResolveInfo,
  getNamedType,
  isAbstractType,
  isObjectType,
} from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { schema } from '../../schema/studio/index.ts'
import { isTidingsError } from '../../src/errors.ts'
import { readDependence } from '../../src/live/execute/topic-field.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'
import { ada, type SessionApi, startSessionApi } from '../studio/sessions/session-api.ts'
import { viewerOf } from '../support/api.ts'
import { askForEvery, type Field, operations } from './every-field.ts'

/**
 * Everything that a scoped token may be used for. A field added here has to respect the scope of
 * the token.
 */
const openFields = [
  'Mutation.addContextCard',
  'Mutation.cancelTask',
  'Mutation.closeSession',
  'Mutation.leaveSession',
  'Mutation.removeContextCard',
  'Mutation.removeParticipant',
  'Mutation.sendMessage',
  'Mutation.setTyping',
  'Query.node',
  'Query.session',
  'Query.sessions',
  'Query.task',
  'Query.tasks',
  'Query.viewer',
  'Subscription.sessionEvents',
  'Subscription.taskProgress',
]

let api: SessionApi
beforeAll(async () => {
  api = await startSessionApi()
})
afterAll(() => api[Symbol.asyncDispose]())

/** Whether the result is the refusal of a scoped token. */
function isRefused({ errors = [] }: ExecutionResult): boolean {
  const error = errors[0]?.originalError
  return isTidingsError(error, 'FORBIDDEN') && error.message.startsWith('This token is limited to ')
}

/**
 * Returns the names of the fields with a wanted result. Every id that is sent is named by the
 * scoped tokens.
 */
async function namesOf(viewer: Viewer, isWanted: (result: ExecutionResult) => boolean): Promise<readonly string[]> {
  const values = { ID: 'session_named', Int: 1, Float: 1, Boolean: true, String: 'text' }
  const answers = await askForEvery({ ...api, viewer, values, isAllGiven: false })
  return [...answers].flatMap(([name, answer]) => (isWanted(answer) ? [name] : [])).sort()
}

describe('of all fields', () => {
  const cases: readonly (readonly [what: string, limit: Partial<Viewer>, fields: readonly string[]])[] = [
    // Leaving a session is refused when the token does not name it; otherwise the session does not
    // exist.
    ['tasks', { taskIds: ['session_named'] }, openFields.filter((name) => name !== 'Mutation.leaveSession')],
    ['sessions', { sessionIds: ['session_named'] }, openFields],
    ['both', { taskIds: ['task_1'], sessionIds: ['session_named'] }, openFields],
  ]
  test.each(cases)('a token scoped to %s answers only the fields it is for', async (_, limit, fields) => {
    const limited = viewerOf('guest', { roles: ['admin'], ...limit })
    expect(await namesOf(limited, (result) => !isRefused(result))).toEqual(fields)
  })

  test('an unscoped token is refused nothing for that reason', async () => {
    expect(await namesOf(viewerOf('guest', { roles: ['admin'] }), isRefused)).toEqual([])
  })
})

test('from the fields open to a scoped token, no other object with an id is reachable', () => {
  const reached = new Set<string>()
  const seen = new Set<GraphQLNamedType>()
  const follow = (field: Field, name: string): void => {
    // Tested below: null for such a token.
    if (readDependence(field) === 'limits') return
    const type = getNamedType(field.type)
    if (type.name === 'Task') reached.add(name)
    walk(type)
  }
  const walk = (type: GraphQLNamedType): void => {
    if (isAbstractType(type)) for (const one of schema.getPossibleTypes(type)) walk(one)
    if (!isObjectType(type) || seen.has(type)) return
    seen.add(type)
    if ('id' in type.getFields() && type.name !== 'Task') reached.add(type.name)
    for (const field of Object.values(type.getFields())) follow(field, `${type.name}.${field.name}`)
  }
  for (const type of Object.values(operations))
    for (const field of Object.values(type?.getFields() ?? {})) {
      const name = `${type?.name ?? ''}.${field.name}`
      // Results of `node` are tested below: by its type it may be anything.
      if (openFields.includes(name) && name !== 'Query.node') follow(field, name)
    }
  // Fields that return a task: it is the requested one, or a reply in the session.
  expect([...reached].sort()).toEqual([
    'CancelTaskSuccess.task',
    'ConflictError.runningTask',
    'LeaveSessionSuccess',
    'NotFoundError',
    'Query.task',
    'SendMessageSuccess.task',
    'Session',
    'SessionCard',
    'SessionMessage',
    'TaskCanceled.task',
    'TaskCompleted.task',
    'TaskConnection.nodes',
    'TaskEdge.node',
    'TaskFailed.task',
    'TaskSnapshot.task',
    'Viewer',
  ])
})

test('links beyond these fields are null for a scoped token', async () => {
  const led: string[] = []
  for (const type of Object.values(schema.getTypeMap()))
    for (const [name, field] of isObjectType(type) ? Object.entries(type.getFields()) : []) {
      if (readDependence(field) !== 'limits') continue
      led.push(`${type.name}.${name}`)
      // Decided without a look at anything else.
      const answer: unknown = await field.resolve?.({}, {}, { isLimited: true }, {} as GraphQLResolveInfo)
      expect(answer, `${type.name}.${name}`).toBeNull()
    }
  expect(led).toContain('Task.retryOf')
})

describe('the scope of a token', () => {
  interface World {
    readonly documentId: string
    readonly conversion: string
    readonly sessions: readonly [string, string]
    readonly replies: readonly [string, string]
    readonly card: string
  }
  let world: World
  beforeAll(async () => {
    const documentId = await api.importText('# Bread\n\nFlour and water make dough.', ada)
    const { tasks }: { tasks: { nodes: [{ id: string }] } } = await api.run('{ tasks { nodes { id } } }', {}, ada)
    const sessions = [await api.create('one'), await api.create('two')] as const
    const reply = async (sessionId: string): Promise<string> => {
      const { task } = await api.send(sessionId, 'Hello', { wantsReply: true })
      await api.history(await api.get({ id: task?.id ?? '' }))
      return task?.id ?? ''
    }
    const replies = [await reply(sessions[0]), await reply(sessions[1])] as const
    const { card } = await addNote(sessions[1], ada)
    world = { documentId, conversion: tasks.nodes[0].id, sessions, replies, card: card?.id ?? '' }
  })
  const addNote = (sessionId: string, viewer: Viewer) =>
    api.mutate(
      'result: addContextCard(input: $input) { __typename ... on Error { message } ... on AddContextCardSuccess { card { id title kind } } }',
      '($input: AddContextCardInput!)',
      { input: { sessionId, clientId: `${sessionId} ${viewer.userId}`, card: { note: 'A note.' } } },
      viewer,
    )
  const idsOf = (connection: { readonly nodes: readonly { readonly id: string }[] }) =>
    connection.nodes.map(({ id }) => id)

  /** Returns which of all objects the viewer can find in any way. */
  async function find(viewer: Viewer) {
    const { sessions, replies, conversion, documentId } = world
    const listed: Record<'tasks' | 'sessions', { nodes: { id: string }[] }> = await api.run(
      '{ tasks { nodes { id } } sessions { nodes { id } } }',
      {},
      viewer,
    )
    const found: string[] = []
    for (const id of [conversion, ...replies]) {
      const data: { task: object | null; node: object | null } = await api.run(
        'query ($id: ID!) { task(id: $id) { id } node(id: $id) { id } }',
        { id },
        viewer,
      )
      const first = await api
        .watch('subscription ($id: ID!) { taskProgress(taskId: $id) { seq } }', { id }, { viewer, catchUp: true })
        .next()
        .then(
          () => true,
          () => false,
        )
      // All ways lead to the same result.
      expect([data.node !== null, first]).toEqual([data.task !== null, data.task !== null])
      if (data.task !== null) found.push(id)
    }
    for (const id of sessions) {
      const data: { session: object | null; node: object | null } = await api.run(
        'query ($id: ID!) { session(id: $id) { id } node(id: $id) { id } }',
        { id },
        viewer,
      )
      expect(data.node !== null).toBe(data.session !== null)
      if (data.session !== null) found.push(id)
    }
    expect(isRefused(await api.execute('query ($id: ID!) { node(id: $id) { id } }', { id: documentId }, viewer))).toBe(
      true,
    )
    expect([...idsOf(listed.tasks), ...idsOf(listed.sessions)].sort()).toEqual([...found].sort())
    return found
  }

  test('limits the objects that can be found, listed and subscribed to', async () => {
    const { conversion, sessions, replies } = world
    const foundWith = (limit: Partial<Viewer>) => find(viewerOf('ada', limit))
    expect(await foundWith({ taskIds: [conversion] })).toEqual([conversion])
    // The replies in a session belong to it.
    expect(await foundWith({ sessionIds: [sessions[0]] })).toEqual([replies[0], sessions[0]])
    expect(await foundWith({ taskIds: [replies[1]], sessionIds: [sessions[0]] })).toEqual([...replies, sessions[0]])
    expect(await foundWith({ taskIds: [], sessionIds: [] })).toEqual([])
    // Being named does not grant ownership.
    expect(await find(viewerOf('eve', { taskIds: [conversion], sessionIds: sessions }))).toEqual([])
  })

  test('limits the objects that can be changed', async () => {
    const { sessions, replies, conversion, documentId, card } = world
    const inFirst = viewerOf('ada', { sessionIds: [sessions[0]] })
    const cancel = async (id: string, viewer: Viewer) => {
      const { cancelTask }: { cancelTask: { __typename: string } } = await api.run(
        'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }',
        { id },
        viewer,
      )
      return cancelTask.__typename
    }
    expect(await cancel(replies[1], inFirst)).toBe('NotFoundError')
    expect(await cancel(conversion, inFirst)).toBe('NotFoundError')
    // It exists and has finished.
    expect(await cancel(replies[0], inFirst)).toBe('ConflictError')
    expect(await cancel(conversion, viewerOf('ada', { taskIds: [conversion] }))).toBe('ConflictError')

    expect((await api.send(sessions[1], 'Hello', { viewer: inFirst })).__typename).toBe('NotFoundError')
    expect((await api.send(sessions[0], 'Hello', { viewer: inFirst })).__typename).toBe('SendMessageSuccess')
    expect((await addNote(sessions[1], inFirst)).__typename).toBe('NotFoundError')
    expect((await addNote(sessions[0], inFirst)).__typename).toBe('AddContextCardSuccess')
    const addDocument = 'mutation ($input: AddContextCardInput!) { addContextCard(input: $input) { __typename } }'
    const input = { sessionId: sessions[0], clientId: 'document', card: { documentId } }
    expect(isRefused(await api.execute(addDocument, { input }, inFirst))).toBe(true)
    const removeCard = 'mutation ($id: ID!) { result: removeContextCard(input: { cardId: $id }) { __typename } }'
    expect(await api.run(removeCard, { id: card }, inFirst)).toEqual({ result: { __typename: 'NotFoundError' } })
    const leave = 'mutation ($id: ID!) { leaveSession(input: { sessionId: $id }) { __typename } }'
    await api.invite(sessions[1], 'bob')
    expect(
      isRefused(await api.execute(leave, { id: sessions[1] }, viewerOf('bob', { sessionIds: [sessions[0]] }))),
    ).toBe(true)
    const { cards, participants } = await api.read(sessions[1])
    expect(cards.map(({ id }) => id)).toContain(card)
    expect(participants.map(({ userId }) => userId)).toContain('bob')
  })

  test('returns only the ids of what a task has produced', async () => {
    const { conversion, documentId } = world
    const query =
      'query ($id: ID!) { task(id: $id) { retryOf { id } result { ... on DocumentConverted { documentId document { id } } } } }'
    const askAs = (viewer: Viewer) => api.run(query, { id: conversion }, viewer)
    expect(await askAs(viewerOf('ada', { taskIds: [conversion] }))).toEqual({
      task: { retryOf: null, result: { documentId, document: null } },
    })
    expect(await askAs(ada)).toEqual({ task: { retryOf: null, result: { documentId, document: { id: documentId } } } })
  })
})

test('the refusal names the scope of the token and the required one', async () => {
  const tell = async (limit: Partial<Viewer>) =>
    (await api.execute('{ documents { nodes { id } } }', {}, viewerOf('ada', limit))).errors?.[0]?.message
  const need = 'this needs a token without the claims `tasks` and `sessions`'
  expect(await tell({ taskIds: ['task_1'] })).toBe(`This token is limited to task "task_1"; ${need}`)
  expect(await tell({ taskIds: [], sessionIds: ['a', 'b', 'c', 'd', 'e'] })).toBe(
    `This token is limited to no tasks and session "a", "b", "c" and 2 more; ${need}`,
  )
})
