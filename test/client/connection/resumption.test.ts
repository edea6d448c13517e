import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createResumption } from '../../../client/connection/resume.ts'
import type { StreamResult } from '../../../client/transport/transport.ts'

const query =
  'subscription ($id: ID!, $after: Cursor) { taskProgress(taskId: $id, after: $after) { __typename cursor } }'
const event = (cursor: string, marks?: object): StreamResult => ({
  data: { taskProgress: { __typename: 'TaskEvent', cursor } },
  ...(marks && { extensions: { tidings: marks } }),
})
const snapshot = { kind: 'snapshot' }
const ephemeral = { kind: 'ephemeral' }

test('requests the events after the last delivered one', () => {
  const resumption = createResumption({ query, variables: { id: 't', after: 'c-0' } })
  expect(resumption.body().variables).toEqual({ id: 't', after: 'c-0' })
  resumption.accept(event('c-1'))
  resumption.accept(event('c-2'))
  expect(resumption.body()).toEqual({ query, variables: { id: 't', after: 'c-2' } })
})

test('delivers each event once and in order, however the server repeats events', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 20 }), (steps) => {
      const resumption = createResumption({ query })
      const handedOn: number[] = []
      let sent = 0
      // Each time the server continues from an older position than requested.
      for (const back of steps) {
        for (let seq = Math.max(1, sent - back); seq <= sent + 3; seq++)
          if (resumption.accept(event(`c-${seq}`))) handedOn.push(seq)
        sent += 3
      }
      expect(handedOn).toEqual(Array.from({ length: sent }, (_, index) => index + 1))
    }),
  )
})

test('delivers ephemeral events although they repeat a cursor', () => {
  const resumption = createResumption({ query })
  const results = [event('c-1', snapshot), event('c-1', ephemeral), event('c-1', ephemeral)]
  expect(results.map(resumption.accept)).toEqual([true, true, true])
  expect(resumption.accept(event('c-1'))).toBe(false)
})

test('uses a snapshot as a new baseline: after the log went back the same cursors occur again', () => {
  const resumption = createResumption({ query })
  for (const seq of [1, 2, 3, 4]) resumption.accept(event(`c-${seq}`))
  const results = [event('c-2', snapshot), event('c-3'), event('c-4'), event('c-5')]
  expect(results.map(resumption.accept)).toEqual([true, true, true, true])
  expect(resumption.body().variables).toEqual({ after: 'c-5' })
  // From there on a duplicate event is delivered once, as before.
  expect([event('c-3'), event('c-5')].map(resumption.accept)).toEqual([false, false])
})

test('does not change documents that cannot be resumed', () => {
  const plain = createResumption({ query: 'subscription { taskProgress(taskId: "t") { __typename cursor } }' })
  expect([event('c-1'), event('c-1')].map(plain.accept)).toEqual([true, true])
  expect(plain.body().variables).toBeUndefined()
  const withoutCursor = createResumption({ query })
  expect(withoutCursor.accept({ data: { taskProgress: { __typename: 'TaskAdvanced' } } })).toBe(true)
  expect(withoutCursor.restart()).toBe(false)
})

test('finds the cursor under an alias of the field, and starts over on request', () => {
  const resumption = createResumption({ query })
  resumption.accept({ data: { __typename: 'Subscription', progress: { __typename: 'TaskAdvanced', cursor: 'c-7' } } })
  expect(resumption.body().variables).toEqual({ after: 'c-7' })
  expect(resumption.restart()).toBe(true)
  expect(resumption.body().variables).toBeUndefined()
})

test('doubts a completion once at each cursor, and never without a cursor', () => {
  const resumption = createResumption({ query })
  expect(resumption.isFalseCompletion()).toBe(false)
  resumption.accept(event('c-1'))
  expect([resumption.isFalseCompletion(), resumption.isFalseCompletion()]).toEqual([true, false])
  resumption.accept(event('c-2'))
  expect(resumption.isFalseCompletion()).toBe(true)
})
