import { describe, expect, test } from 'vitest'
import { parallel } from '../../../src/studio/roadmaps/parallel.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('parallel', () => {
  test('yields everything of every input, in order within each, with bounded concurrency', async () => {
    let running = 0
    let most = 0
    async function* run(input: number): AsyncGenerator<string, void, void> {
      most = Math.max(most, ++running)
      for (let i = 0; i < 3; i++) {
        await turn()
        yield `${input}.${i}`
      }
      running--
    }
    const inputs = Array.from({ length: 10 }, (_, index) => index)
    const yielded = await Array.fromAsync(parallel(inputs, 3, run))
    expect(most).toBe(3)
    for (const input of inputs)
      expect(yielded.filter((text) => text.startsWith(`${input}.`))).toEqual([0, 1, 2].map((i) => `${input}.${i}`))
  })

  test('does not let a waiting input delay the others', async () => {
    const gate = Promise.withResolvers<void>()
    async function* run(input: string): AsyncGenerator<string, void, void> {
      if (input === 'slow') await gate.promise
      yield input
    }
    const yielded: string[] = []
    for await (const text of parallel(['slow', 'a', 'b', 'c'], 2, run)) {
      yielded.push(text)
      if (text === 'c') gate.resolve()
    }
    expect(yielded).toEqual(['a', 'b', 'c', 'slow'])
  })

  test('is a plain loop with a limit of one, and yields nothing for no inputs', async () => {
    async function* run(input: number): AsyncGenerator<number, void, void> {
      yield input
      await turn()
      yield input
    }
    expect(await Array.fromAsync(parallel([1, 2], 1, run))).toEqual([1, 1, 2, 2])
    expect(await Array.fromAsync(parallel([], 4, run))).toEqual([])
  })

  test('throws the first failure and returns the other iterators', async () => {
    const returned: string[] = []
    async function* run(input: string): AsyncGenerator<string, void, void> {
      try {
        yield input
        await turn()
        if (input === 'bad') throw new Error('bad')
        for (;;) {
          yield input
          await turn()
        }
      } finally {
        returned.push(input)
      }
    }
    await expect(Array.fromAsync(parallel(['a', 'bad', 'b'], 3, run))).rejects.toThrow('bad')
    await expect.poll(() => returned.sort()).toEqual(['a', 'b', 'bad'])
  })

  test('returns all iterators when it is returned', async () => {
    const returned: number[] = []
    async function* run(input: number): AsyncGenerator<number, void, void> {
      try {
        for (;;) {
          yield input
          await turn()
        }
      } finally {
        returned.push(input)
      }
    }
    for await (const _ of parallel([1, 2, 3], 2, run)) break
    await expect.poll(() => returned.sort()).toEqual([1, 2])
  })
})
