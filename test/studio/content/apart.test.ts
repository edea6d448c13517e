import { execFileSync } from 'node:child_process'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseStudioConfig } from '../../../src/studio/config.ts'
import { createGenerationPool } from '../../../src/studio/content/apart/pool.ts'
import { createContentProvider, createQuestionProvider } from '../../../src/studio/content/create.ts'
import type { DocumentStructure } from '../../../src/studio/documents/structure/structure.ts'
import { createOutliner } from '../../../src/studio/roadmaps/create-roadmap.ts'
import { collect, describeContract, failureOf, requestOf } from './contract.ts'
import { describeQuestionContract } from './question-contract.ts'

const shared = createGenerationPool()
afterAll(() => shared[Symbol.asyncDispose]())

const fast = parseStudioConfig({ CONTENT_PACE_MS: '0' })
const slow = parseStudioConfig({ CONTENT_PACE_MS: '10000' })
const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
/** Processes of other tests in this process, until they are idle for long enough. */
let others: ReadonlySet<number> = new Set()
/** Returns the ids of the generation processes that this test started. */
const children = (): number[] => listProcesses().filter((pid) => !others.has(pid))
const listProcesses = (): number[] =>
  execFileSync('ps', ['-A', '-o', 'ppid=,pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, parent, pid, rest = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
      return Number(parent) === process.pid && rest.includes('job-child.ts') ? [Number(pid)] : []
    })

/** A document whose outline takes seconds and hundreds of megabytes. */
const large: DocumentStructure = {
  title: 'Large',
  links: [],
  notes: [],
  wordCount: 1,
  sections: [{ key: 'a', level: 1, heading: 'A', body: 'word [a](b) <c> '.repeat(1_000_000), position: 0 }],
}
const never = new AbortController().signal

beforeEach(() => {
  others = new Set(listProcesses())
})

describe('the pool of generation processes', () => {
  test('uses a process again, and ends it when it is idle', async () => {
    await using pool = createGenerationPool({ idleMs: 500 })
    const provider = createContentProvider(fast, pool)
    await collect(provider.generate(requestOf()))
    const [first] = children()
    await collect(provider.generate(requestOf({ piece: 'QUIZ' })))
    expect(children()).toEqual([first])
    await vi.waitFor(() => expect(children()).toEqual([]))
    expect(await collect(provider.generate(requestOf()))).toMatch(/^# /)
  })

  test('does not use a process again that has kept much memory', async () => {
    await using pool = createGenerationPool({ maxKeptBytes: 1 })
    const provider = createContentProvider(fast, pool)
    expect(await collect(provider.generate(requestOf()))).toMatch(/^# /)
    await vi.waitFor(() => expect(children()).toEqual([]))
  })

  test('fails work that exceeds its time with TOO_COMPLEX, and executes the next', async () => {
    await using pool = createGenerationPool({ timeoutMs: 1, maxProcesses: 1 })
    for (let times = 0; times < 2; times += 1) {
      const failure = await failureOf(createContentProvider(fast, pool).generate(requestOf()))
      expect(failure).toMatchObject({ code: 'TOO_COMPLEX', retryable: false })
    }
  })

  test('fails work that exceeds its memory with TOO_COMPLEX', async () => {
    await using pool = createGenerationPool({ maxHeapBytes: 33_554_432 })
    await expect(createOutliner(pool)(large, never)).rejects.toMatchObject({ code: 'TOO_COMPLEX', retryable: false })
  })

  test('ends the process of aborted work', async () => {
    await using pool = createGenerationPool()
    const controller = new AbortController()
    const outline = createOutliner(pool)(large, controller.signal)
    outline.catch(() => undefined)
    await vi.waitFor(() => expect(children()).toHaveLength(1))
    controller.abort(new Error('enough'))
    await expect(outline).rejects.toThrow('enough')
    await vi.waitFor(() => expect(children()).toEqual([]))
  })

  test('may lose a process: the work is tried again', async () => {
    await using pool = createGenerationPool()
    const outline = createOutliner(pool)(large, never)
    outline.catch(() => undefined)
    await vi.waitFor(() => expect(children()).toHaveLength(1))
    const [pid] = children()
    if (pid === undefined) throw new Error('There is no such process')
    process.kill(pid, 'SIGKILL')
    await expect(outline).rejects.toMatchObject({ code: 'GENERATOR_UNAVAILABLE', retryable: true })
  })

  test('makes further work wait for a process, in order, and lets waiting work be aborted', async () => {
    await using pool = createGenerationPool({ maxProcesses: 1 })
    const provider = createContentProvider(fast, pool)
    const controller = new AbortController()
    const ended: string[] = []
    const first = collect(provider.generate(requestOf())).then(() => ended.push('first'))
    const aborted = collect(provider.generate(requestOf({ signal: controller.signal })))
    const last = collect(provider.generate(requestOf({ piece: 'QUIZ' }))).then(() => ended.push('last'))
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await Promise.all([first, last])
    expect(ended).toEqual(['first', 'last'])
  })
})

describeContract('the extractive provider in its process', async () => {
  const before = timers()
  return {
    provider: createContentProvider(fast, shared),
    slow: createContentProvider(slow, shared),
    isQuiet: () => timers() <= before,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})

describeQuestionContract('the extractive provider in its process', async () => {
  const before = timers()
  return {
    provider: createQuestionProvider(fast, shared),
    slow: createQuestionProvider(slow, shared),
    isQuiet: () => timers() <= before,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})
