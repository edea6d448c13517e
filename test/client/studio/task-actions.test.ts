import { expect, test } from 'vitest'
import type { TaskKind, TaskStatus } from '../../../client/gql/graphql.ts'
import { canRetry } from '../../../client/studio/tasks/task-actions.tsx'

const error = (code: string, retryable = false) => ({ code, retryable, message: 'It failed.', advice: null })

test.each<[string, TaskKind, TaskStatus, ReturnType<typeof error> | null, boolean]>([
  ['a damaged file', 'CONVERT_DOCUMENT', 'FAILED', error('FILE_DAMAGED'), false],
  ['a conversion that ran out of time', 'CONVERT_DOCUMENT', 'FAILED', error('TOO_COMPLEX'), true],
  ['a conversion with an error that may pass', 'CONVERT_DOCUMENT', 'FAILED', error('ANYTHING', true), true],
  ['a canceled conversion', 'CONVERT_DOCUMENT', 'CANCELED', null, true],
  ['another kind of task', 'CREATE_ROADMAP', 'FAILED', error('MODEL_REFUSED'), true],
  ['a running task', 'CREATE_ROADMAP', 'RUNNING', null, false],
  ['a completed task', 'CREATE_ROADMAP', 'COMPLETED', null, false],
])('whether %s can be retried', (_, kind, status, error, expected) => {
  expect(canRetry({ kind, status, error })).toBe(expected)
})
