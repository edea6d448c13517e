import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { createMaskError } from '../../src/server/request/mask.ts'
import { ada, bob, type SessionApi, startSessionApi } from '../studio/sessions/session-api.ts'
import { viewerOf } from '../support/api.ts'
import { askForEvery, isInputPath, operations } from './every-field.ts'

let api: SessionApi
beforeAll(async () => {
  api = await startSessionApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const codeOf = (error: unknown): unknown => createMaskError(silentLogger)(error).extensions['code']
const prefixes = ['', 'task_', 'document_', 'roadmap_', 'concept_', 'notification_', 'quiz_', 'question_', 'project_']

test.each([
  ['U+0000', '\0'],
  ['half of a surrogate pair', '\ud800'],
  ['far too many characters', 'x'.repeat(300_000)],
])('no field treats an id, a cursor or a text with %s as a defect of the server', async (_, sign) => {
  const values = { ID: `x${sign}`, String: `x${sign}`, Cursor: `x${sign}`, Int: 1, Float: 1, Boolean: true }
  const viewer = viewerOf('admin', { roles: ['admin'] })
  const DateTime = new Date(Date.now() + 60_000).toISOString()
  const answers = await askForEvery({ ...api, viewer, values: { ...values, DateTime }, isAllGiven: true })
  const failed = [...answers].flatMap(([name, { errors = [] }]) =>
    errors
      // A value that does not even fit its type has not reached a resolver.
      .filter((error) => codeOf(error) === 'INTERNAL' || error.message.startsWith('Variable'))
      .map(({ message }) => `${name}: ${message}`),
  )
  expect(failed).toEqual([])
  const mutations = operations.mutation?.getFields() ?? {}
  const unknownPaths = [...answers].flatMap(([name, { data }]) => {
    const field = mutations[name.replace('Mutation.', '')]
    if (field === undefined) return []
    const answer = data?.[field.name] as { readonly issues?: readonly { readonly path: string }[] } | null | undefined
    return (answer?.issues ?? []).filter(({ path }) => !isInputPath(field, path)).map(({ path }) => `${name}: ${path}`)
  })
  expect(unknownPaths).toEqual([])
  for (const prefix of [...prefixes, 'session_']) {
    const { errors = [] } = await api.execute(
      'query ($id: ID!) { node(id: $id) { id } }',
      { id: `${prefix}${sign}` },
      viewer,
    )
    for (const error of errors) expect(codeOf(error), prefix).toBe('BAD_INPUT')
  }
})

test('a query for an invalid session does not affect a query sent at the same time', async () => {
  const id = await api.create()
  const find = (sessionId: string, viewer = ada) =>
    api.run('query ($id: ID!) { session(id: $id) { id } }', { id: sessionId }, viewer)
  expect(await Promise.all([find('session_\0', bob), find(id)])).toEqual([{ session: null }, { session: { id } }])
})

test.each(['2026-01-01T00:00:00.000Z|task_\0', '-200000-01-01T00:00:00.000Z|task_0', 'yesterday|task_0', 'x'])(
  'an invented cursor of a list is refused: %j',
  async (place) => {
    const after = Buffer.from(place).toString('base64url')
    const { errors } = await api.execute('query ($after: String) { tasks(after: $after) { nodes { id } } }', { after })
    expect(errors?.[0]?.message).toContain('is not a cursor of this list')
  },
)
