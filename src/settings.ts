import { z } from 'zod'
import { databaseUrlForms, splitDatabaseUrl } from './database-url.ts'
import { TidingsError } from './errors.ts'
import { parseRedisUrl, redisUrlForms } from './redis-url.ts'

const integer = (min: number, max: number) =>
  z.coerce
    .number({ error: 'a whole number' })
    .int('a whole number')
    .min(min, `at least ${min}`)
    .max(max, `at most ${max}`)
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
)
/** Creates the schema of an absolute URL. @param protocols - the allowed protocols, such as `https:` */
export const url = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    )
/** The URL of PostgreSQL; see `splitDatabaseUrl`. */
export const databaseUrl = z.string().superRefine((text, context) => {
  try {
    splitDatabaseUrl(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: `${databaseUrlForms}. This one ${(error as Error).message}` })
  }
})
/** The URL of Redis; see `parseRedisUrl`. */
export const redisUrl = z.string().superRefine((text, context) => {
  try {
    parseRedisUrl(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: `${redisUrlForms}. This one ${(error as Error).message}` })
  }
})
/**
 * Origins as browsers send them in the `Origin` header: no default port, no path. App schemes
 * (`capacitor://localhost`) are accepted.
 */
export const origins = list.transform((parts, context) =>
  parts.map((part) => {
    const [, scheme, rest = ''] = /^([a-z][a-z\d+.-]*:)\/\/(.*)$/i.exec(part) ?? []
    const refuse = (advice: string) => {
      context.addIssue({ code: 'custom', message: `origins such as https://app.example.com (${part}: ${advice})` })
      return part
    }
    if (part.includes('*')) return refuse('name each origin')
    if (scheme === undefined) return refuse(`write http://${part} or https://${part}`)
    if (!URL.canParse(part) || rest.startsWith('/') || /[@?#]/.test(rest)) return refuse('not an origin')
    const { protocol, host, pathname } = new URL(part)
    const origin = `${protocol}//${host.toLowerCase()}`
    return pathname === '' || pathname === '/' ? origin : refuse(`write ${origin}`)
  }),
) as unknown as z.ZodType<string[], string>

/** A setting: a schema, the default and the help text. */
export interface Setting<T> {
  readonly schema: z.ZodType<T, string>
  readonly fallback: string | undefined
  readonly help: string
  readonly secret?: true
  /** The allowed values, if there are only a few. */
  readonly choices?: readonly string[]
}
/**
 * Creates a setting that has a default.
 *
 * @param schema - converts the text of the variable
 * @param fallback - the default, as the text that the variable would have
 * @param help - one phrase for the help text
 * @example
 * const settings = { RETRIES: setting(number(0, 10), '3', 'how often an import is repeated') }
 */
export const setting = <T>(
  schema: z.ZodType<T, string>,
  fallback: string,
  help: string,
  options: Pick<Setting<T>, 'secret' | 'choices'> = {},
): Setting<T> => ({ schema, fallback, help, ...options })
/** A setting with a few allowed values, which the help and docs/settings.md list. */
export const choice = <const T extends string>(choices: readonly [T, ...T[]], fallback: T, help: string): Setting<T> =>
  setting(
    z.enum(choices, { error: choices.join(', ').replace(/, (?!.*, )/, ' or ') }) as unknown as z.ZodType<T, string>,
    fallback,
    help,
    { choices },
  )
export const trueOrFalse = z
  .enum(['true', 'false'], { error: 'true or false' })
  .transform((text) => text === 'true') as unknown as z.ZodType<boolean, string>
/** Creates a setting that is `true` or `false`. */
export const flag = (fallback: 'true' | 'false', help: string): Setting<boolean> =>
  setting(trueOrFalse, fallback, help, { choices: ['true', 'false'] })
/** Creates a setting without a default: its value is undefined when the variable is not set. */
export const optional = <T>(
  schema: z.ZodType<T, string>,
  help: string,
  options: { secret?: true } = {},
): Setting<T | undefined> => ({ schema, fallback: undefined, help, ...options })
/** The schema of any text. */
export const text = z.string()
/** `name=number` pairs, separated by commas. */
export const pairs = (max: number) =>
  list.transform((parts, context) => {
    const values = new Map<string, number>()
    for (const part of parts) {
      const [, name, value] = /^([\w*-]+)\s*=\s*(\d+)$/.exec(part) ?? []
      if (name === undefined || Number(value) > max)
        context.addIssue({ code: 'custom', message: `name=number, separated by commas, with numbers up to ${max}` })
      else values.set(name, Number(value))
    }
    return Object.fromEntries(values)
  }) as unknown as z.ZodType<Readonly<Record<string, number>>, string>
/** Pairs that replace some of the default numbers; other names are refused. */
export const overrides = <K extends string>(defaults: Readonly<Record<K, number>>, max: number) =>
  pairs(max).transform((values, context) => {
    for (const name of Object.keys(values))
      if (!Object.hasOwn(defaults, name))
        context.addIssue({ code: 'custom', message: `the names ${Object.keys(defaults).join(', ')} (not ${name})` })
    return { ...defaults, ...values } as Readonly<Record<K, number>>
  }) as unknown as z.ZodType<Readonly<Record<K, number>>, string>
export const ratio = z.coerce
  .number({ error: 'a number' })
  .min(0, 'at least 0')
  .max(1, 'at most 1') as unknown as z.ZodType<number, string>
/** Creates the schema of a whole number. */
export const number = (min: number, max: number) => integer(min, max) as unknown as z.ZodType<number, string>

/** Names the default numbers of {@link overrides} in a help text: `documents=2000,quizzes=2000`. */
export function listDefaults(defaults: Readonly<Record<string, number>>): string {
  return Object.entries(defaults)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}

type Definitions = Readonly<Record<string, Setting<unknown>>>
type SettingValue<S> = S extends Setting<infer T> ? T : never

/** The values of settings by name. */
export type SettingValues<D extends Definitions> = { readonly [K in keyof D]: SettingValue<D[K]> }

/**
 * Parses settings from an environment.
 *
 * @param environment - variables by name; an empty string counts as not set
 * @param contradictionsOf - checks combinations of values that are valid one by one
 * @returns every setting; the default for variables that are not set
 * @throws TidingsError `BAD_CONFIGURATION`, one line for each rejected variable: its name, its
 * value (unless it is a secret) and the allowed values
 * @example
 * const config = parseSettings({ ...settings, ...own }, process.env, contradictionsOf)
 */
export function parseSettings<D extends Definitions>(
  definitions: D,
  environment: Readonly<Record<string, string | undefined>>,
  contradictionsOf: (values: SettingValues<D>) => readonly string[],
): SettingValues<D> {
  const problems: string[] = []
  const parsedValues: Record<string, unknown> = {}
  for (const [name, definition] of Object.entries(definitions)) {
    const variable = environment[name] === '' ? undefined : environment[name]
    const raw = variable ?? definition.fallback
    if (raw === undefined) continue
    const parsed = definition.schema.safeParse(raw)
    if (parsed.success) parsedValues[name] = parsed.data
    else {
      const allowed = [...new Set(parsed.error.issues.map((issue) => issue.message))].join(', ')
      problems.push(`${name} is ${definition.secret ? '(hidden)' : JSON.stringify(raw)}; allowed: ${allowed}`)
    }
  }
  const values = parsedValues as SettingValues<D>
  if (problems.length === 0) problems.push(...contradictionsOf(values))
  if (problems.length > 0) throw new TidingsError('BAD_CONFIGURATION', problems.join('\n'), { problems })
  return values
}

/** Returns the help text of settings: one line for each, with its default. */
export function describeSettings(definitions: Definitions): string {
  const rows = Object.entries(definitions)
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows
    .map(([name, definition]) => {
      const fallback = definition.fallback === undefined || definition.fallback === '' ? 'not set' : definition.fallback
      const allowed = definition.choices === undefined ? '' : `one of ${definition.choices.join(', ')}; `
      return `  ${name.padEnd(width)}  ${definition.help} (${allowed}default: ${fallback})`
    })
    .join('\n')
}
