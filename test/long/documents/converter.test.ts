import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { silentLogger } from '../../../src/logger.ts'
import { defaultLimits } from '../../../src/studio/documents/convert/conversion.ts'
import { convertApart } from '../../../src/studio/documents/convert/converter.ts'
import type { Section } from '../../../src/studio/documents/structure/structure.ts'
import { makePdfBomb, pageOf } from '../../fixtures/documents/make.ts'
import { makePdf } from '../../fixtures/documents/pdf.ts'

const request = (bytes: Uint8Array, limits: Partial<typeof defaultLimits> = {}) => ({
  name: 'a.pdf',
  bytes,
  limits: { ...defaultLimits, ...limits },
})
/** Returns the process ids and command lines of the converters that this process started. */
const children = (): string[] =>
  execFileSync('ps', ['-A', '-o', 'ppid=,pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, parent, rest = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
      return Number(parent) === process.pid && rest.includes('convert-child.ts') ? [rest] : []
    })
const small = makePdf([pageOf(1)])
const quiet = { signal: new AbortController().signal, logger: silentLogger }

afterEach(async () => {
  await vi.waitFor(() => expect(children()).toEqual([]))
})

describe('the converter process', () => {
  test('is killed when the task is aborted', async () => {
    const controller = new AbortController()
    const steps = convertApart(request(makePdfBomb()), { signal: controller.signal, logger: silentLogger })
    expect(await steps.next()).toMatchObject({ value: { is: 'opened' } })
    controller.abort(new Error('stop'))
    await expect(steps.next()).rejects.toThrow('stop')
  })

  test('is killed when its result is no longer needed', async () => {
    const steps = convertApart(request(makePdfBomb()), quiet)
    await steps.next()
    await steps.return(undefined as never)
  })

  test('is killed when it takes too long, and fails permanently', async () => {
    await expect(Array.fromAsync(convertApart(request(small, { timeoutMs: 1 }), quiet))).rejects.toMatchObject({
      code: 'TOO_COMPLEX',
    })
  })

  test('may be killed externally: the conversion is retried', async () => {
    const steps = convertApart(request(makePdfBomb()), quiet)
    await steps.next()
    const [pid] = children().map((line) => Number.parseInt(line, 10))
    if (pid === undefined) throw new Error('There is no such process')
    process.kill(pid, 'SIGKILL')
    await expect(steps.next()).rejects.toMatchObject({ name: 'RetryableError', code: 'CONVERTER_CRASHED' })
  })

  test('ends when its heap is full', async () => {
    const html = `<!doctype html>${'<p>a <b>b</b> c'.repeat(400_000)}`
    const limits = { ...defaultLimits, maxHeapBytes: 67_108_864 }
    const steps = convertApart({ name: 'a.html', bytes: Buffer.from(html), limits }, quiet)
    await expect(Array.fromAsync(steps)).rejects.toMatchObject({ code: 'TOO_COMPLEX' })
  })

  test('reports its progress for a page without pages, and loses nothing between its parts', async () => {
    const words = Array.from({ length: 3_000 }, (_, index) => `word${index}`)
    const html = `<!doctype html><title>Words</title><body>Before<div><div>${words
      .map((word, index) => (index % 100 === 0 ? `<h2>Part ${index}</h2><p>${word}</p>` : `<p>${word} <b>bold</b></p>`))
      .join('')}</div></div>after<ul><li>one</ul>`
    const steps = convertApart({ name: 'a.html', bytes: Buffer.from(html), limits: defaultLimits }, quiet)
    const percents: number[] = []
    for (;;) {
      const step = await steps.next()
      if (step.done === true) {
        const sections = step.value.sections.flatMap((json) => JSON.parse(json) as readonly Section[])
        const text = sections.map(({ body }) => body).join('\n')
        expect([...text.matchAll(/word\d+/g)].map(([word]) => word)).toEqual(words)
        expect(step.value.title).toBe('Words')
        expect(text.slice(0, 6)).toBe('Before')
        expect(text.trimEnd().endsWith('after\n\n- one')).toBe(true)
        break
      }
      if (step.value.is === 'extracting') percents.push(step.value.percent)
    }
    expect(percents.length).toBeGreaterThan(3)
    expect(percents).toEqual(percents.toSorted((a, b) => a - b))
    expect(percents.at(-1)).toBeLessThanOrEqual(100)
  })

  test('may read only this project, and write nothing', async () => {
    const steps = convertApart(request(makePdfBomb()), quiet)
    await steps.next()
    // A new process has no command line yet.
    await vi.waitFor(() => expect(children()[0]).toContain('--permission'))
    const [line = ''] = children()
    expect(line).not.toContain('--allow-fs-write')
    await steps.return(undefined as never)
  })
})
