import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWakeUp, interruptible } from '../../src/async/interruptible.ts'
import { eventually } from '../log/support.ts'
import { collectGarbage } from '../support/heap.ts'

const done = { done: true, value: undefined }

/** Creates a source that emits what the test pushes. */
function createSource() {
  const queue: number[] = []
  let wake: (() => void) | undefined
  const state = { starts: 0, ends: 0 }
  const iterator = interruptible<number>(async function* (signal) {
    state.starts++
    const wakeUp = createWakeUp(signal)
    wake = wakeUp.set
    try {
      while (!signal.aborted) {
        const next = queue.shift()
        if (next !== undefined) yield next
        else await wakeUp.wait()
      }
    } finally {
      state.ends++
    }
  })
  const say = (...values: readonly number[]): void => {
    queue.push(...values)
    wake?.()
  }
  return { iterator, say, state }
}

describe('an interruptible iteration', () => {
  it('yields what its generator yields', async () => {
    const { iterator, say } = createSource()
    say(1, 2)
    expect(await iterator.next()).toEqual({ done: false, value: 1 })
    expect(await iterator.next()).toEqual({ done: false, value: 2 })
  })

  it('never starts when it is returned before the first event', async () => {
    const { iterator, state } = createSource()
    expect(await iterator.return?.()).toEqual(done)
    expect(await iterator.next()).toEqual(done)
    expect(state).toEqual({ starts: 0, ends: 0 })
  })

  it('ends a pending next() at once when it is returned, and cleans up', async () => {
    const { iterator, state } = createSource()
    const pending = iterator.next()
    expect(await iterator.return?.()).toEqual(done)
    expect(await pending).toEqual(done)
    await eventually(() => expect(state).toEqual({ starts: 1, ends: 1 }))
  })

  it('ends a pending next() although the generator stays suspended', async () => {
    const iterator = interruptible<number>(async function* () {
      await new Promise(() => undefined)
      yield 1
    })
    const pending = [iterator.next(), iterator.next()]
    await iterator.return?.()
    expect(await Promise.all(pending)).toEqual([done, done])
  })

  it('cleans up when it is returned between two events', async () => {
    const { iterator, say, state } = createSource()
    say(1, 2, 3)
    for await (const value of iterator) if (value === 2) break
    await eventually(() => expect(state.ends).toBe(1))
    expect(await iterator.next()).toEqual(done)
  })

  it('cleans up at the end of an `await using`', async () => {
    const { iterator, state } = createSource()
    {
      await using used = iterator
      used.next().catch(() => undefined)
    }
    await eventually(() => expect(state.ends).toBe(1))
  })

  it('throws a failure once', async () => {
    const iterator = interruptible<number>(async function* () {
      yield 1
      throw new Error('broken')
    })
    await iterator.next()
    await expect(iterator.next()).rejects.toThrow('broken')
    expect(await iterator.next()).toEqual(done)
  })

  it('reports a failure after its return only to `onLateError`', async () => {
    const late: unknown[] = []
    const iterator = interruptible<number>(
      async function* (signal) {
        await createWakeUp(signal).wait()
        yield* []
        throw new Error('too late')
      },
      (error) => late.push(error),
    )
    const pending = iterator.next()
    await iterator.return?.()
    expect(await pending).toEqual(done)
    await eventually(() => expect(late).toEqual([expect.objectContaining({ message: 'too late' })]))
  })

  it('does not retain yielded values', async () => {
    const iterator = interruptible<object>(async function* () {
      for (;;) yield { text: 'x'.repeat(1_000) }
    })
    const refs: WeakRef<object>[] = []
    for (let i = 0; i < 100; i++) {
      const { value } = await iterator.next()
      if (value !== undefined) refs.push(new WeakRef(value))
    }
    await eventually(() => {
      collectGarbage()
      expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(5)
    })
    await iterator.return?.()
  })

  it('yields everything in order until it is returned, whatever the timing', async () => {
    const step = fc.oneof(
      fc.record({ is: fc.constant('say' as const), count: fc.integer({ min: 1, max: 4 }) }),
      fc.constant({ is: 'take' as const }),
      fc.constant({ is: 'rest' as const }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { iterator, say, state } = createSource()
        const taken: Promise<IteratorResult<number, undefined>>[] = []
        let said = 0
        for (const one of steps) {
          if (one.is === 'say') for (let i = 0; i < one.count; i++) say(++said)
          else if (one.is === 'take') taken.push(iterator.next())
          else await Promise.resolve()
        }
        await iterator.return?.()
        const results = await Promise.all(taken)
        const values = results.flatMap((result) => (result.done ? [] : [result.value]))
        expect(values).toEqual(values.map((_, i) => i + 1))
        expect(results.slice(values.length)).toEqual(results.slice(values.length).map(() => done))
        await eventually(() => expect(state.ends).toBe(state.starts))
      }),
      { numRuns: 100 },
    )
  })
})

describe('a wake-up', () => {
  it('remembers that it was set', async () => {
    const wakeUp = createWakeUp(new AbortController().signal)
    wakeUp.set()
    await wakeUp.wait()
  })

  it('resolves a pending wait', async () => {
    const wakeUp = createWakeUp(new AbortController().signal)
    const waiting = wakeUp.wait()
    wakeUp.set()
    await waiting
  })

  it('ends with its signal', async () => {
    const controller = new AbortController()
    const wakeUp = createWakeUp(controller.signal)
    const waiting = wakeUp.wait()
    controller.abort()
    await waiting
    await wakeUp.wait()
  })
})
