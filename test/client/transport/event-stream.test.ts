import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEventStreamParser } from '../../../client/transport/event-stream.ts'

const stream =
  ':\n\nevent: next\ndata: {"a":1}\n\n: still here\n\ndata: one\ndata:two\r\n\r\nevent: complete\ndata:\n\nevent: cut'
const events = [
  { type: 'next', data: '{"a":1}' },
  { type: 'message', data: 'one\ntwo' },
  { type: 'complete', data: '' },
]

test('parses events, and skips comments and incomplete events', () => {
  expect(createEventStreamParser().push(stream)).toEqual(events)
})

test('parses the same however the stream is split', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), fc.constantFrom('\n', '\r\n', '\r'), (cuts, end) => {
      const text = stream.replaceAll(/\r?\n/g, end)
      const parser = createEventStreamParser()
      const places = [...new Set(cuts), text.length].sort((a, b) => a - b)
      const read = places.flatMap((place, index) => parser.push(text.slice(places[index - 1] ?? 0, place)))
      expect(read).toEqual(events)
    }),
  )
})
