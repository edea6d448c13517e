import { expect, test } from 'vitest'
import { describeSettings } from '../src/settings.ts'
import { parseStudioConfig, studioSettings } from '../src/studio/config.ts'

const originsOf = (value: string) => parseStudioConfig({ ALLOWED_ORIGINS: value }).ALLOWED_ORIGINS

test.each([
  ['https://app.example', 'https://app.example'],
  ['https://App.Example/', 'https://app.example'],
  ['https://app.example:443', 'https://app.example'],
  ['http://localhost:5173', 'http://localhost:5173'],
  ['capacitor://localhost', 'capacitor://localhost'],
])('ALLOWED_ORIGINS=%s allows what a browser sends as %s', (value, origin) => {
  expect(originsOf(value)).toEqual([origin])
  expect(originsOf(`http://other.example, ${value}`)).toEqual(['http://other.example', origin])
})

test.each([
  ['localhost:5173', 'write http://localhost:5173 or https://localhost:5173'],
  ['app.example', 'write http://app.example or https://app.example'],
  ['https://app.example/studio', 'write https://app.example'],
  ['*', 'name each origin'],
  ['https://*.example', 'name each origin'],
  ['null', 'write http://null or https://null'],
  ['https://', 'not an origin'],
  ['https://user@app.example', 'not an origin'],
  ['file:///page.html', 'not an origin'],
])('ALLOWED_ORIGINS=%s, which no browser sends, is refused with advice', (value, advice) => {
  expect(() => originsOf(`https://app.example,${value}`)).toThrow(`(${value}: ${advice})`)
})

test('the help lists the allowed values of every enumerated setting, and refuses others with the same list', () => {
  const help = describeSettings(studioSettings).split('\n')
  const closed = Object.entries(
    studioSettings as Readonly<Record<string, { schema: object; choices?: readonly string[] }>>,
  )
  for (const name of ['ROLE', 'QUEUE_BACKEND', 'METRICS', 'LOG_LEVEL', 'NODE_ENV', 'CONTENT_PROVIDER', 'SELF_TEST'])
    expect(studioSettings[name as 'ROLE'], name).toHaveProperty('choices')
  for (const [name, { choices }] of closed) {
    if (choices === undefined) continue
    expect(help.find((line) => line.startsWith(`  ${name} `))).toContain(`one of ${choices.join(', ')}`)
    expect(() => parseStudioConfig({ [name]: 'other' })).toThrow(
      new RegExp(`${name} is "other"; allowed: ${choices.join('(, | or )')}$`),
    )
  }
})

test.each(['JWT_ISSUER', 'JWT_AUDIENCE'])('%s without a key to verify tokens is refused', (name) => {
  expect(() => parseStudioConfig({ [name]: 'there' })).toThrow(`${name} is set and neither JWT_SECRET nor JWKS_URL is`)
  expect(() => parseStudioConfig({ [name]: 'there', JWT_SECRET: 'x'.repeat(32) })).not.toThrow()
})
