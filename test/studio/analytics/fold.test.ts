import fc from 'fast-check'
import { expect, it } from 'vitest'
import { factOf, foldFacts, isCounted } from '../../../src/studio/analytics/fold.ts'

const key = fc.constantFrom('q_1', 'q_2', 'q_3')
const at = fc.integer({ min: 0, max: 9 }).map((second) => `2026-01-01T00:00:0${second}.000Z`)
const event = fc.oneof(
  fc.record({
    type: fc.constantFrom('TaskItemStarted', 'TaskItemCompleted'),
    at,
    payload: fc.record({
      item: fc.record({ key, status: fc.constantFrom('RUNNING', 'COMPLETED', 'SKIPPED') }),
    }),
  }),
  fc.record({
    type: fc.constant('QuestionReviewed'),
    at,
    payload: fc.record({ questionId: key, isAccepted: fc.boolean() }),
  }),
  fc.record({
    type: fc.constantFrom('TaskQueued', 'TaskStarted', 'TaskRetrying', 'TaskCompleted'),
    at,
    payload: fc.record({ status: fc.constantFrom('QUEUED', 'RUNNING', 'RETRYING', 'COMPLETED') }),
  }),
  fc.record({
    type: fc.constantFrom('TaskAdvanced', 'TaskOutput', 'Unknown'),
    at,
    payload: fc.record({ status: fc.constant('RUNNING') }),
  }),
)
type Facts = ReturnType<typeof foldFacts>
/** Returns the content of the tables after one result is written over the other. */
const over = (first: Facts, second: Facts): Facts => {
  const questions = new Map(first.questions)
  for (const [id, { startedAt, completedAt }] of second.questions) {
    const known = questions.get(id)
    questions.set(id, {
      startedAt: startedAt ?? known?.startedAt ?? null,
      completedAt: completedAt ?? known?.completedAt ?? null,
    })
  }
  return {
    status: second.status ?? first.status,
    at: second.at ?? first.at,
    questions,
    reviews: new Map([...first.reviews, ...second.reviews]),
  }
}

it('folds two parts, split anywhere, to the same as the whole, and is idempotent', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), fc.nat(30), (events, cut) => {
      const whole = foldFacts(events)
      expect(over(foldFacts(events.slice(0, cut)), foldFacts(events.slice(cut)))).toEqual(whole)
      expect(over(whole, foldFacts(events))).toEqual(whole)
    }),
  )
})

it('reads exactly the event types that are declared as counted', () => {
  fc.assert(fc.property(event, (one) => factOf(one) === null || isCounted(one)))
  expect(factOf({ type: 'TaskItemCompleted', at: '', payload: { item: { key: 'q_1', status: 'SKIPPED' } } })).toBeNull()
  expect(factOf({ type: 'TaskAdvanced', at: '', payload: { status: 'RUNNING' } })).toBeNull()
})
