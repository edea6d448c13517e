import { expect, test, vi } from 'vitest'
import { type ChannelWriter, createChannel } from '../../../client/watch-task/channel.ts'
import { eventually } from '../support/watch.ts'

test('yields pushed values in order, then ends', async () => {
  const channel = createChannel<number>(({ push, end }) => {
    push(1)
    push(2)
    end()
    return () => undefined
  })
  expect(await Array.fromAsync(channel)).toEqual([1, 2])
})

test('opens its source on the first next(), and closes it on return(), also during a pending next()', async () => {
  const close = vi.fn()
  const open = vi.fn(() => close)
  const channel = createChannel<number>(open)
  expect(open).not.toHaveBeenCalled()
  const waiting = channel.next()
  expect(open).toHaveBeenCalledTimes(1)
  await channel.return?.()
  expect(await waiting).toEqual({ done: true, value: undefined })
  expect(close).toHaveBeenCalledTimes(1)
})

test('does not open its source when it is returned before the first next()', async () => {
  const open = vi.fn(() => () => undefined)
  const channel = createChannel<number>(open)
  await channel[Symbol.asyncDispose]()
  expect(await channel.next()).toEqual({ done: true, value: undefined })
  expect(open).not.toHaveBeenCalled()
})

test('throws a failure once, after the values pushed before it', async () => {
  const channel = createChannel<number>(({ push, fail }) => {
    push(1)
    fail(new Error('broken'))
    return () => undefined
  })
  expect(await channel.next()).toEqual({ done: false, value: 1 })
  await expect(channel.next()).rejects.toThrow('broken')
  expect(await channel.next()).toEqual({ done: true, value: undefined })
})

test('closes its source when the reader is too slow, and continues from there when all is read', async () => {
  let next = 1
  const writers: ChannelWriter<number>[] = []
  const close = vi.fn()
  const channel = createChannel<number>((writer) => {
    writers.push(writer)
    const timer = setInterval(() => writer.push(next++), 1)
    return () => {
      close()
      clearInterval(timer)
    }
  }, 3)
  const read = [await channel.next()]
  await eventually(() => expect(close).toHaveBeenCalledTimes(1))
  // Nothing from an earlier opening is accepted.
  writers[0]?.push(99)
  for (let count = 0; count < 5; count++) read.push(await channel.next())
  await channel.return?.()
  expect(read.map(({ value }) => value)).toEqual([1, 2, 3, 4, 5, 6])
  expect(writers.length).toBeGreaterThan(1)
})
