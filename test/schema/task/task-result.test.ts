import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import '../../../schema/studio/task-results.ts'
import { toResult } from '../../../schema/studio/builder.ts'
import type { StudioTask } from '../../../src/studio/task-results.ts'
import { stage } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition } from '../../../src/tasks/model/task-definition.ts'

test('returns a stored result, and reports one of a type that the API does not have', () => {
  const noteUnknownResult = vi.fn()
  const written = { type: 'ReplyWritten', sessionId: 'session_1', messageId: 'message_1' }
  expect(toResult('REPLY', written, { noteUnknownResult })).toEqual({ ...written, __typename: 'ReplyWritten' })
  expect(toResult('REPLY', null, { noteUnknownResult })).toBeNull()
  expect(noteUnknownResult).not.toHaveBeenCalled()
  for (const type of ['ReplyWriten', 'toString', 7, undefined])
    expect(toResult(undefined, type === undefined ? {} : { type }, { noteUnknownResult })).toBeNull()
  expect(noteUnknownResult.mock.calls).toEqual([['ReplyWriten'], ['toString'], [7], [undefined]])
})

test('a kind of the applications with a misspelt result type does not compile', () => {
  const define = () =>
    createTaskDefinition({
      kind: 'REPLY',
      input: z.object({}),
      async *run({ signal }) {
        yield stage('replying')
        signal.throwIfAborted()
        return await Promise.resolve({ type: 'ReplyWriten' as const, sessionId: 's', messageId: 'm' })
      },
    })
  // @ts-expect-error `ReplyWriten` is no member of `StudioResult`
  const kind: StudioTask<Record<string, never>> = define()
  expect(kind.kind).toBe('REPLY')
})
