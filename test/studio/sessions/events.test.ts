import { expect, test } from 'vitest'
import { compact } from '../../../src/live/deliver/compaction.ts'
import type { LogEvent } from '../../../src/log/event.ts'
import { classOfSessionEvent, joinReplyPieces } from '../../../src/studio/sessions/events.ts'

let seq = 0
const event = (type: string, payload: LogEvent['payload']): LogEvent => ({
  topic: 'session:s',
  seq: ++seq,
  type,
  at: '2026-01-01T00:00:00.000Z',
  payload,
})
const piece = (messageId: string, offset: number, text: string): LogEvent =>
  event('SessionReplyAdvanced', { messageId, attempt: 1, offset, text })
const statistics = (messageCount: number): LogEvent =>
  event('SessionStatisticsChanged', { statistics: { messageCount } })

test('a slow subscriber receives every message, a reply in one chunk, and only the last statistics', () => {
  const missed = [
    event('SessionMessageAdded', { message: { id: 'm1' } }),
    statistics(1),
    piece('r1', 0, 'One '),
    piece('r1', 4, 'two '),
    piece('r1', 8, 'three'),
    event('SessionMessageAdded', { message: { id: 'm2' } }),
    statistics(2),
    piece('r1', 13, '.'),
    piece('r2', 0, 'Other'),
  ]
  const told = compact(missed, { classOf: classOfSessionEvent, join: joinReplyPieces })
  expect(
    told.map(({ type, payload }) => [type, payload['text'] ?? payload['message'] ?? payload['statistics']]),
  ).toEqual([
    ['SessionMessageAdded', { id: 'm1' }],
    ['SessionReplyAdvanced', 'One two three'],
    ['SessionMessageAdded', { id: 'm2' }],
    ['SessionStatisticsChanged', { messageCount: 2 }],
    ['SessionReplyAdvanced', '.'],
    ['SessionReplyAdvanced', 'Other'],
  ])
  expect(told[1]).toMatchObject({ seq: missed[4]?.seq, payload: { offset: 0 } })
})
