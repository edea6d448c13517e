import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { settings } from '../../src/config.ts'
import { errorCatalogue, requestErrorCatalogue, taskErrorCatalogue } from '../../src/errors.ts'
import { optionName, settingsWithoutOption } from '../../src/library/options.ts'
import { silentLogger } from '../../src/logger.ts'
import { startApp } from '../../src/main/app.ts'
import { parseStudioConfig, studioSettings } from '../../src/studio/config.ts'
import { studioErrorCatalogue } from '../../src/studio/task-errors.ts'
import { createTestDatabase } from '../support/database.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (file: string): Promise<string> => readFile(`${root}/${file}`, 'utf8')
/** The name of every metric on the page, with its type. */
let metrics: ReadonlyMap<string, string>
const undo = new AsyncDisposableStack()

beforeAll(async () => {
  const database = undo.use(await createTestDatabase())
  const app = undo.use(
    await startApp({
      config: parseStudioConfig({ NODE_ENV: 'test', PORT: '0', DATABASE_URL: database.url, FIRST_RUN: 'false' }),
      logger: silentLogger,
    }),
  )
  const text = await (await fetch(`${app.server?.url ?? ''}/metrics`)).text()
  metrics = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]))
})
afterAll(() => undo.disposeAsync())

/** Returns the metrics of Tidings or Node that a text or an expression names. */
const namesIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/\b(?:tidings|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name)),
]
/** Whether a name is on the page; a histogram has its parts. */
const exists = (name: string): boolean =>
  metrics.has(name) || metrics.get(name.replace(/_(bucket|sum|count)$/, '')) === 'histogram'

test('docs/operations.md explains every metric, and no unknown one', async () => {
  const table = (await read('docs/operations.md')).split('\n').filter((line) => line.startsWith('| `'))
  const told = table.flatMap((line) => namesIn(line.split('|')[1] ?? ''))
  const own = [...metrics.keys()].filter((name) => name.startsWith('tidings_'))
  expect(own.length).toBeGreaterThan(30)
  expect(own.filter((name) => !told.includes(name))).toEqual([])
  expect(told.filter((name) => !exists(name))).toEqual([])
})

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
}

test('every panel of deploy/dashboard.json shows existing metrics, and no panels overlap', async () => {
  const { panels } = JSON.parse(await read('deploy/dashboard.json')) as { panels: readonly Panel[] }
  const shown = panels.filter(({ type }) => type !== 'row')
  expect(shown.length).toBeGreaterThan(20)
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  for (const { title, targets = [] } of shown) {
    expect(targets.length, title).toBeGreaterThan(0)
    for (const { expr } of targets) {
      expect(namesIn(expr).length, expr).toBeGreaterThan(0)
      expect(
        namesIn(expr).filter((name) => !exists(name)),
        title,
      ).toEqual([])
      expect([...expr].filter((char) => char === '(').length, expr).toBe(
        [...expr].filter((char) => char === ')').length,
      )
    }
  }
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
})

test('the rules of deploy/alerts.yml use existing metrics, and rates of counters only', async () => {
  const text = await read('deploy/alerts.yml')
  const rules = text.split(/^ {6}- alert: /m).slice(1)
  expect(rules.length).toBeGreaterThan(5)
  for (const rule of rules) {
    const names = namesIn(rule)
    expect(names.length, rule).toBeGreaterThan(0)
    expect(names.filter((name) => !exists(name))).toEqual([])
    for (const [, name = ''] of rule.matchAll(/(?:rate|increase)\((\w+)/g))
      expect(metrics.get(name) ?? 'histogram', name).toMatch(/counter|histogram/)
    expect(rule).toContain('summary:')
  }
})

interface Told {
  readonly fallback: string | undefined
  readonly help: string
  readonly choices?: readonly string[]
}

test('docs/settings.md has every setting with its default (`vitest run test/server/operations-docs.test.ts -u` writes it)', async () => {
  const rows = Object.entries(studioSettings as Readonly<Record<string, Told>>).map(
    ([name, { fallback = '', help, choices = [] }]) =>
      `| \`${name}\` | ${fallback === '' ? '–' : `\`${fallback}\``} | ${help}${choices.length === 0 ? '' : ` (${choices.map((value) => `\`${value}\``).join(', ')})`} |`,
  )
  const head = `# Settings

Environment variables, read at start. The settings of the Studio come last; \`npm start -- --help\` lists them too. A file \`.env\` in the folder of the start is read first; variables that are already set win. An empty value counts as not set. A value that is not allowed stops the start with a message that names the allowed values.

| variable | default | meaning (allowed values) |
| --- | --- | --- |`
  await expect(`${[head, ...rows].join('\n')}\n`).toMatchFileSnapshot('../../docs/settings.md')
})

test('docs/guide/options.md has every option with its default (`vitest run test/server/operations-docs.test.ts -u` writes it)', async () => {
  const rename = (text: string): string =>
    text.replace(/\b[A-Z][A-Z0-9_]+\b/g, (name) => (name in settings ? optionName(name) : name))
  const rows = Object.entries(settings as Readonly<Record<string, Told>>)
    .filter(([name]) => !settingsWithoutOption.includes(name))
    .map(([name, { fallback = '', help, choices = [] }]) => {
      const allowed = choices.length === 0 ? '' : ` (${choices.map((value) => `\`${value}\``).join(', ')})`
      return `| \`${optionName(name)}\` | ${fallback === '' ? '–' : `\`${fallback}\``} | ${rename(help)}${allowed} |`
    })
  const head = `# Options

The options of \`createTidings\`. Nothing is read from the environment. A value that is not allowed is refused with a message that names the option and the allowed values. \`tasks\`, \`topics\`, \`context\`, \`authenticate\`, \`migrateAtStart\` and \`logger\` are explained in \`src/library/options.ts\`; the options of one kind, such as \`attempts\`, in [the options of a kind](kinds.md).

A list is an array of strings (\`allowedOrigins\`); pairs are an object (\`taskRetentionDays: { '*': 90 }\`). Units are in the names: \`…Ms\`, \`…Seconds\`, \`…Hours\`, \`…Days\`, \`…Bytes\`.

| option | default | meaning (allowed values) |
| --- | --- | --- |`
  await expect(`${[head, ...rows].join('\n')}\n`).toMatchFileSnapshot('../../docs/guide/options.md')
})

/** Names written like settings that are not settings of Tidings. */
const others = new Set([
  ...Object.keys({ ...errorCatalogue, ...requestErrorCatalogue, ...taskErrorCatalogue, ...studioErrorCatalogue }),
  'OTEL_EXPORTER_OTLP_HEADERS',
  // Of Node.
  'NODE_EXTRA_CA_CERTS',
  // Of Linux.
  'SYS_ADMIN',
  'CUT_STEP',
  // A variable of nginx's container.
  'MAX_CLIENT_CONNECTIONS',
  // The kind of task of the example.
  'EXPORT_REPORT',
])

test('documents name no unknown setting', async () => {
  const api = await read('schema/schema.graphql')
  const documents = (await readdir(`${root}/docs`)).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
  for (const file of ['README.md', ...documents]) {
    const names = new Set((await read(file)).match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g))
    const unknown = [...names].filter(
      (name) => !(name in studioSettings) && !others.has(name) && !new RegExp(`\\b${name}\\b`).test(api),
    )
    expect(unknown, file).toEqual([])
  }
})
