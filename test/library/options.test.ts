import { expect, test } from 'vitest'
import { settings } from '../../src/config.ts'
import { optionName, readOptions, settingsWithoutOption, type TidingsOptions } from '../../src/library/options.ts'

test('converts options to the settings of the engine, without reading the environment', () => {
  process.env['LEASE_MS'] = '7000'
  try {
    expect(readOptions({}).LEASE_MS).toBe(10_000)
  } finally {
    delete process.env['LEASE_MS']
  }
  const config = readOptions(
    {
      databaseUrl: 'postgres://localhost/app',
      leaseMs: 3_000,
      graphiql: false,
      allowedOrigins: ['https://app.example.com', 'https://www.example.com'],
      taskRetentionDays: { '*': 30, EXPORT_REPORT: 1 },
    },
    { host: '::1', port: 0 },
  )
  expect(config).toMatchObject({
    DATABASE_URL: 'postgres://localhost/app',
    LEASE_MS: 3_000,
    GRAPHIQL: false,
    ALLOWED_ORIGINS: ['https://app.example.com', 'https://www.example.com'],
    TASK_RETENTION_DAYS: { '*': 30, EXPORT_REPORT: 1 },
    HOST: '::1',
    PORT: 0,
  })
})

test.each<[string, Partial<TidingsOptions>, { host?: string }, string]>([
  ['a value that is not allowed', { leaseMs: 1 }, {}, 'leaseMs is "1"; allowed: at least 500'],
  [
    'options without one that they need',
    { queueBackend: 'redis' },
    {},
    'queueBackend is "redis" and redisUrl is not set',
  ],
  ['an address for others without callers', {}, { host: '0.0.0.0' }, 'neither jwtSecret nor jwksUrl is set'],
  [
    'two ways to authenticate callers',
    { authenticate: () => null, jwtSecret: 'x'.repeat(32) },
    {},
    'callers are authenticated by a function, and jwtSecret or jwksUrl is set',
  ],
])('refuses %s by the names of options', (_, options, address, message) => {
  expect(() => readOptions(options, address)).toThrow(message)
})

test('lets a server with a function for its callers listen on every address', () => {
  expect(readOptions({ authenticate: () => null, nodeEnv: 'production' }, { host: '0.0.0.0' }).HOST).toBe('0.0.0.0')
})

interface Told {
  readonly fallback: string | undefined
  readonly help: string
  readonly choices?: readonly string[]
}

test('docs/guide/options.md has every option with its default (`vitest run test/library/options.test.ts -u` writes it)', async () => {
  const rename = (text: string): string =>
    text.replace(/\b[A-Z][A-Z0-9_]+\b/g, (name) => (name in settings ? optionName(name) : name))
  const rows = Object.entries(settings as Readonly<Record<string, Told>>)
    .filter(([name]) => !settingsWithoutOption.includes(name))
    .map(([name, { fallback = '', help, choices = [] }]) => {
      const allowed = choices.length === 0 ? '' : ` (${choices.map((value) => `\`${value}\``).join(', ')})`
      return `| \`${optionName(name)}\` | ${fallback === '' ? '–' : `\`${fallback}\``} | ${rename(help)}${allowed} |`
    })
  const head = `# Options

The options of \`createTidings\`. Nothing is read from the environment. A value that is not allowed is refused with a message that names the option and the allowed values. \`tasks\`, \`context\`, \`authenticate\`, \`migrateAtStart\` and \`logger\` are explained in \`src/library/options.ts\`; the options of one kind, such as \`attempts\`, in \`src/library/define-task.ts\`.

A list is an array of strings (\`allowedOrigins\`); pairs are an object (\`taskRetentionDays: { '*': 90 }\`). Units are in the names: \`…Ms\`, \`…Seconds\`, \`…Hours\`, \`…Days\`, \`…Bytes\`.

| option | default | meaning (allowed values) |
| --- | --- | --- |`
  await expect(`${[head, ...rows].join('\n')}\n`).toMatchFileSnapshot('../../docs/guide/options.md')
})
