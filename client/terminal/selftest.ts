import { parseArgs, styleText } from 'node:util'
import { checks } from '../self-test/checks.ts'
import { type CheckResult, defaultLimits, runSelfTest } from '../self-test/self-test.ts'

const usage = `Measures a running deployment from the outside, on throw-away tasks, and passes or fails.
The server must have been started with SELF_TEST=true; "server leaks" needs the token of an admin.

Usage: npm run selftest -- URL [options]

  URL                    such as http://127.0.0.1:4000
  --token TOKEN          sent as Authorization: Bearer …
  --transport NAME       pins websocket, sse or polling (default: what works best)
  --only NAME            one check, may be repeated: ${checks.map(({ name }) => name).join(', ')}
  --max-latency MS       longest acceptable 99th percentile (default: ${defaultLimits.maxLatencyMs})
  --min-frequency N      least acceptable events a second (default: ${defaultLimits.minEventsPerSecond})
  --stability MS         how long the stability check watches (default: ${defaultLimits.stabilityMs})
  --connections N        clients of the check with many connections (default: ${defaultLimits.connections})
  --json                 print the report as JSON
  --help                 this text

Exit code: 0 when everything passed, 1 otherwise.
`

const transports = ['websocket', 'sse', 'polling'] as const

function toNumber(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1)
    throw new RangeError(`--${name} is ${JSON.stringify(value)}; write a whole number of at least 1`)
  return number
}

function printCheck({ name, passed, figures, tookMs }: CheckResult): void {
  const mark = passed ? styleText('green', 'pass') : styleText('red', 'FAIL')
  process.stdout.write(
    `${mark}  ${name.padEnd(22)} ${figures}  ${styleText('dim', `${(tookMs / 1_000).toFixed(1)} s`)}\n`,
  )
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      token: { type: 'string' },
      transport: { type: 'string' },
      only: { type: 'string', multiple: true },
      'max-latency': { type: 'string' },
      'min-frequency': { type: 'string' },
      stability: { type: 'string' },
      connections: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(usage)
  const [address, ...otherArguments] = positionals
  if (address === undefined || otherArguments.length > 0 || !/^https?:\/\//.test(address) || !URL.canParse(address))
    throw new RangeError(`Name one address, such as http://127.0.0.1:4000.\n\n${usage}`)
  const transport = transports.find((name) => name === values.transport)
  if (values.transport !== undefined && transport === undefined)
    throw new RangeError(`--transport is ${JSON.stringify(values.transport)}; allowed: ${transports.join(', ')}`)
  const unknown = values.only?.find((name) => !checks.some((check) => check.name === name))
  if (unknown !== undefined)
    throw new RangeError(`--only is ${JSON.stringify(unknown)}; allowed: ${checks.map(({ name }) => name).join(', ')}`)
  const url = new URL(address)
  if (url.pathname === '/') url.pathname = '/graphql'
  const { token } = values
  const maxLatencyMs = toNumber('max-latency', values['max-latency'])
  const minEventsPerSecond = toNumber('min-frequency', values['min-frequency'])
  const stabilityMs = toNumber('stability', values.stability)
  const connections = toNumber('connections', values.connections)
  const report = await runSelfTest({
    client: {
      url: url.href,
      ...(token === undefined ? {} : { token: () => token }),
      ...(transport === undefined ? {} : { transports: [transport] }),
    },
    ...(values.only === undefined ? {} : { only: values.only }),
    ...(maxLatencyMs === undefined ? {} : { maxLatencyMs }),
    ...(minEventsPerSecond === undefined ? {} : { minEventsPerSecond }),
    ...(stabilityMs === undefined ? {} : { stabilityMs }),
    ...(connections === undefined ? {} : { connections }),
    ...(values.json ? {} : { onCheck: printCheck }),
  })
  if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else {
    const failedCount = report.checks.filter(({ passed }) => !passed).length
    process.stdout.write(`\n${report.checks.length - failedCount} passed, ${failedCount} failed at ${report.url}\n`)
  }
  if (!report.passed) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  const isUsage =
    error instanceof RangeError ||
    (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  if (!isUsage) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
