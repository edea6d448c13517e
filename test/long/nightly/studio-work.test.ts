import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { makeOneOfEach } from '../../e2e/support/one-of-each.ts'
import { openPage } from '../../e2e/support/page.ts'
import { startWorld } from '../../e2e/support/world.ts'
import { hangMs } from '../../support/patience.ts'
import { createTcpProxy } from '../../support/proxy.ts'

/** What clients have made of a server: KB of work, and operations. */
interface Load {
  readonly work: number
  readonly queries: number
  readonly subscriptions: number
}

test(
  'a page of the Studio makes as much work as docs/operations.md says',
  async () => {
    await using world = await startWorld({ CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '200' })
    await using proxy = await createTcpProxy(world.port)
    const ids = await makeOneOfEach(world)
    const paths = [
      '/',
      '/?page=documents',
      `/?document=${ids.document}`,
      `/?roadmap=${ids.roadmap}`,
      `/?quiz=${ids.quiz}`,
      `/?take=${ids.published}`,
      `/?project=${ids.project}`,
      `/?session=${ids.session}`,
      '/?page=tasks',
      '/?page=analytics',
    ]

    const readLoad = async (): Promise<Load> => {
      const text = await (await fetch(`${world.url}/metrics`)).text()
      const sum = (start: string): number =>
        text
          .split('\n')
          .filter((line) => line.startsWith(start))
          .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0)
      return {
        work: sum('tidings_work_bytes_total ') / 1_024,
        queries: sum('tidings_operations_total{type="query"'),
        subscriptions: sum('tidings_operations_total{type="subscription"'),
      }
    }
    /** Returns the load when no operation has come for a while. */
    const settledLoad = async (): Promise<Load> => {
      for (;;) {
        const before = await readLoad()
        await delay(1_000)
        const after = await readLoad()
        if (after.queries === before.queries && after.subscriptions === before.subscriptions) return after
      }
    }
    const measure = async (action: () => Promise<unknown>): Promise<Load> => {
      const before = await settledLoad()
      await action()
      const after = await settledLoad()
      return {
        work: after.work - before.work,
        queries: after.queries - before.queries,
        subscriptions: after.subscriptions - before.subscriptions,
      }
    }

    const url = `http://127.0.0.1:${proxy.port}`
    await using opened = await openPage(await shareBrowser(), url)
    const { page } = opened
    const open = async (path: string): Promise<void> => {
      await page.goto(url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
    }
    const reconnect = async (): Promise<void> => {
      const { sockets } = opened
      proxy.resetAll()
      await expect.poll(() => opened.sockets).toBeGreaterThan(sockets)
    }
    const loads: Load[] = []
    const reconnections: Load[] = []
    const print = (name: string, ...all: readonly Load[]): void => {
      const cells = all.map((one) =>
        [one.work.toFixed(1), 'KB', one.queries.toFixed(1), one.subscriptions.toFixed(1)].join(' ').padStart(20),
      )
      process.stdout.write(`${name.slice(0, 20).padEnd(20)}${cells.join('')}\n`)
    }
    process.stdout.write('Work, queries and subscriptions: of the first load, of another, and of a reconnection\n')
    for (const path of paths) {
      const first = await measure(() => open(path))
      // The documents are known to the server now.
      const load = await measure(() => open(path))
      const reconnection = await measure(reconnect)
      print(path, first, load, reconnection)
      loads.push(load)
      reconnections.push(reconnection)
    }
    const average = (all: readonly Load[]): Load => {
      const of = (name: keyof Load): number => all.reduce((sum, one) => sum + one[name], 0) / all.length
      return { work: of('work'), queries: of('queries'), subscriptions: of('subscriptions') }
    }
    print('average', average(loads), average(reconnections))

    const text = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8')
    const documented = (sentence: RegExp): number => Number(sentence.exec(text)?.[1])
    const isNear = (ratio: number): boolean => ratio > 0.75 && ratio < 1.25
    expect(average(loads).work / documented(/makes about (\d+) KB of work when it loads/)).toSatisfy(isNear)
    expect(average(reconnections).work / documented(/A page that only reconnects makes (\d+) KB/)).toSatisfy(isNear)
  },
  10 * hangMs,
)
