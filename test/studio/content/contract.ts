import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  ContentError,
  type ContentPiece,
  type ContentProvider,
  type ContentRequest,
} from '../../../src/studio/content/provider.ts'
import { hangMs } from '../../support/patience.ts'

/** Creates a request about a short text; everything can be replaced. */
export function requestOf(changes: Partial<ContentRequest> = {}): ContentRequest {
  return {
    piece: 'TUTORIAL',
    title: 'Snapshots',
    context: { roadmap: 'Tidings', stage: 'Promises', module: 'Streams' },
    source:
      'A snapshot is the whole present state of a topic. Every subscription begins with a snapshot, so that a page can be drawn at once. The server sends events after the snapshot, each of them once. See [the protocol](https://example.org/protocol) for the frames.',
    links: [{ text: 'the protocol', url: 'https://example.org/protocol' }],
    corpus: [
      'Cursors\n\nA cursor is a place in a log. A client hands its cursor back when the connection was lost.',
      'Workers\n\nA worker takes a lease on a task. The sweeper takes tasks back when the lease ran out.',
    ],
    seed: 1,
    signal: new AbortController().signal,
    ...changes,
  }
}

/** Joins everything an iteration yields. */
export async function collect(pieces: AsyncIterable<string>): Promise<string> {
  let all = ''
  for await (const piece of pieces) all += piece
  return all
}

/** Returns the ContentError with which an iteration ends. */
export async function failureOf(pieces: AsyncIterable<string>): Promise<ContentError> {
  try {
    const all = await collect(pieces)
    throw new Error(`it did not fail but said ${JSON.stringify(all)}`)
  } catch (error) {
    if (error instanceof ContentError) return error
    throw error
  }
}

/** A provider in the situations covered by the contract. */
export interface ContractSubject extends AsyncDisposable {
  /** Answers every request with content. */
  readonly provider: ContentProvider
  /** Yields a first chunk and then nothing for a long time. */
  readonly slow: ContentProvider
  /** Whether no request is left open. */
  readonly isQuiet: () => boolean
}

/** The contract of `ContentProvider`, to be run on every implementation. */
export function describeContract(name: string, start: () => Promise<ContractSubject>): void {
  describe(`the contract of a content provider, implemented by ${name}`, () => {
    const pieces: readonly ContentPiece[] = ['TUTORIAL', 'RESOURCES', 'QUIZ']

    test.each(pieces)(
      'yields a %s in chunks that join to Markdown with a heading and one newline at the end',
      async (piece) => {
        await using subject = await start()
        const given: string[] = []
        for await (const one of subject.provider.generate(requestOf({ piece }))) given.push(one)
        expect(given.length).toBeGreaterThan(1)
        expect(given).not.toContain('')
        expect(given.join('')).toMatch(/^# \S[\s\S]*\S\n$/)
      },
    )

    test('yields the same for the same request', async () => {
      await using subject = await start()
      const first = await collect(subject.provider.generate(requestOf({ piece: 'QUIZ' })))
      expect(await collect(subject.provider.generate(requestOf({ piece: 'QUIZ' })))).toBe(first)
    })

    test('serves several requests at the same time', async () => {
      await using subject = await start()
      const all = await Promise.all(pieces.map((piece) => collect(subject.provider.generate(requestOf({ piece })))))
      expect(all.map((one) => one.startsWith('# '))).toEqual([true, true, true])
    })

    test('starts nothing before the first next()', async () => {
      await using subject = await start()
      const iterator = subject.slow.generate(requestOf())[Symbol.asyncIterator]()
      expect(subject.isQuiet()).toBe(true)
      expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
      expect(await iterator.next()).toEqual({ done: true, value: undefined })
      expect(subject.isQuiet()).toBe(true)
    })

    test('rejects with the reason when it was aborted before it began', async () => {
      await using subject = await start()
      const signal = AbortSignal.abort(new Error('enough'))
      await expect(collect(subject.provider.generate(requestOf({ signal })))).rejects.toThrow('enough')
      expect(subject.isQuiet()).toBe(true)
    })

    test('rejects at once with the reason when it is aborted while it waits, and leaves nothing open', async () => {
      await using subject = await start()
      const controller = new AbortController()
      const iterator = subject.slow.generate(requestOf({ signal: controller.signal }))[Symbol.asyncIterator]()
      const reason = new Error('enough')
      expect((await iterator.next()).done).toBe(false)
      const waiting = iterator.next()
      waiting.catch(() => undefined)
      await setImmediate()
      controller.abort(reason)
      await expect(waiting).rejects.toBe(reason)
      await expectQuiet(subject)
    })

    test('rejects with the reason when it is aborted between two chunks', async () => {
      await using subject = await start()
      const controller = new AbortController()
      const iterator = subject.provider.generate(requestOf({ signal: controller.signal }))[Symbol.asyncIterator]()
      await iterator.next()
      controller.abort(new Error('enough'))
      await expect(iterator.next()).rejects.toThrow('enough')
      await expectQuiet(subject)
    })

    test('returns at once when the caller returns it while it waits, and leaves nothing open', async () => {
      await using subject = await start()
      const iterator = subject.slow.generate(requestOf())[Symbol.asyncIterator]()
      await iterator.next()
      const waiting = iterator.next()
      expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
      expect(await waiting).toEqual({ done: true, value: undefined })
      await expectQuiet(subject)
    })

    test('leaves nothing open when the caller breaks out of the loop', async () => {
      await using subject = await start()
      for await (const _ of subject.slow.generate(requestOf())) break
      await expectQuiet(subject)
    })
  })
}

/** Polls without a separate timer, which would count as something left open. */
async function expectQuiet({ isQuiet }: ContractSubject): Promise<void> {
  const until = Date.now() + hangMs
  while (!isQuiet() && Date.now() < until) await setImmediate()
  expect(isQuiet()).toBe(true)
}
