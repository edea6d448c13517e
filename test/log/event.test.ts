import { describe, expect, it } from 'vitest'
import { parseEvents, toMessage } from '../../src/log/event.ts'

const good = {
  topic: 'task:1',
  seq: 1,
  type: 'TaskQueued',
  at: '2026-01-02T03:04:05.678Z',
  payload: { status: 'QUEUED' },
}

describe('a bus message', () => {
  it('is accepted unchanged when it contains events', () => {
    const message: unknown = JSON.parse(JSON.stringify([good, { ...good, seq: 2 }]))
    expect(parseEvents(message, good.topic)).toEqual({ events: message, epoch: undefined })
  })

  it('carries the epoch in which its events were appended', () => {
    const events = [good, { ...good, seq: 2 }]
    const message: unknown = JSON.parse(JSON.stringify(toMessage(events, 'e1')))
    expect(parseEvents(message, good.topic)).toEqual({ events, epoch: 'e1' })
    expect(toMessage([], 'e1')).toEqual([])
  })

  it.each([
    ['no list', good],
    ['text', 'hello'],
    ['nothing', null],
    ['a seq of 0', [{ ...good, seq: 0 }]],
    ['a seq that is a text', [{ ...good, seq: '1' }]],
    ['a seq between two', [{ ...good, seq: 1.5 }]],
    ['another topic', [good, { ...good, topic: 'task:2' }]],
    ['no topic', [{ ...good, topic: undefined }]],
    ['no type', [{ ...good, type: 7 }]],
    ['an instant of another form', [{ ...good, at: '2026-01-02' }]],
    ['a list for a payload', [{ ...good, payload: [] }]],
    ['no payload', [{ ...good, payload: null }]],
    ['one bad among good ones', [good, 3]],
  ])('is refused with %s', (_, message) => {
    expect(parseEvents(message, good.topic)).toBeNull()
  })
})
