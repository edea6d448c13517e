import { expect, test } from 'vitest'
import type { SessionMessage } from '../../../client/apps/sessions/session-state.ts'
import { type AnnouncedState, findAnnouncements } from '../../../client/studio/sessions/announcements.ts'
import { makeMessage } from '../support/message.ts'

const message = (position: number, rest: Partial<SessionMessage> = {}): SessionMessage =>
  makeMessage(position, { author: 'bob', body: `Body ${position}`, ...rest })
const reply = (position: number, status: SessionMessage['status'], body: string): SessionMessage =>
  message(position, { author: null, status, body })
/** Returns the announcements for Ada at each step. */
const listen = (...steps: readonly (readonly SessionMessage[])[]): (readonly string[])[] => {
  let state: AnnouncedState | null = null
  return steps.map((messages) => {
    const next = findAnnouncements(state, messages, 'ada')
    state = next.state
    return next.announcements
  })
}

test('announces messages of others, but not one’s own, existing ones or ones that are read back', () => {
  const own = message(3, { author: 'ada' })
  expect(
    listen([message(2)], [message(2), own], [message(1), message(2), own], [message(1), message(2), own, message(4)]),
  ).toEqual([[], [], [], ['bob: Body 4']])
})

test('announces the beginning of a reply and, once, its result, for any number of chunks', () => {
  const asked = message(1, { author: 'ada' })
  expect(
    listen(
      [asked],
      [asked, reply(2, 'WRITING', '')],
      [asked, reply(2, 'WRITING', '> Owls')],
      [asked, reply(2, 'WRITING', '> Owls **hear**')],
      [asked, reply(2, 'COMPLETED', '> Owls **hear**\n> well.')],
      [asked, reply(2, 'COMPLETED', '> Owls **hear**\n> well.')],
    ),
  ).toEqual([[], ['A reply is being written'], [], [], ['Reply: Owls hear well.'], []])
})

test('announces that a reply was stopped or is written again, and why it failed', () => {
  const error = { code: 'TIMED_OUT', message: 'It took too long.', retryable: true, advice: 'Ask for less.' }
  expect(
    listen(
      [reply(1, 'WRITING', '')],
      [reply(1, 'STOPPED', 'Ow')],
      [reply(1, 'WRITING', '')],
      [{ ...reply(1, 'FAILED', ''), error }],
    ),
  ).toEqual([
    [],
    ['The reply was stopped'],
    ['A reply is being written'],
    ['The answer failed: It took too long. Ask for less.'],
  ])
})

test('counts the messages that arrived during an absence', () => {
  expect(
    listen(
      [message(1)],
      [1, 2, 3, 4, 5].map((position) => message(position)),
    ),
  ).toEqual([[], ['4 new messages']])
})
