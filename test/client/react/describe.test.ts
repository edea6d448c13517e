import { CombinedError } from '@urql/core'
import { expect, test } from 'vitest'
import { describeError } from '../../../client/react/describe.ts'
import { NotSentError } from '../../../client/transport/http.ts'

const status = (code: number): object => ({ response: { status: code } })

test.each([
  ['what the server says', { graphQLErrors: ['There is no such thing'] }, 'There is no such thing'],
  [
    'that nobody answered',
    { networkError: new TypeError('Failed to fetch') },
    'The server cannot be reached: Failed to fetch',
  ],
  [
    'that a proxy found nobody',
    { networkError: new Error('Bad Gateway'), ...status(502) },
    'The server cannot be reached: Bad Gateway',
  ],
  [
    'that it was refused on the way',
    { networkError: new Error('Payload Too Large'), ...status(413) },
    'The server refuses this: Payload Too Large',
  ],
  [
    'that it was never sent',
    { networkError: new NotSentError('Taken back before it was sent') },
    'Taken back before it was sent',
  ],
])('describes an error: %s', (_, given, words) => {
  expect(describeError(new CombinedError(given))).toBe(words)
})
