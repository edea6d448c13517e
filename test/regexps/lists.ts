import { readFile } from 'node:fs/promises'
import type { FoundRegexp } from './collect.ts'

/** The regular expressions that were checked. */
export interface RegexpLists {
  /** Those that recheck found to be linear. */
  readonly linear: readonly string[]
  /** The others, with the limit of their input that makes them harmless. */
  readonly justified: Readonly<Record<string, string>>
}

const timeoutMs = 20_000

/** Reads `linear.json` and `justified.json`. */
export async function readLists(): Promise<RegexpLists> {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(new URL(name, import.meta.url), 'utf8'))
  return {
    linear: (await read('linear.json')) as RegexpLists['linear'],
    justified: (await read('justified.json')) as RegexpLists['justified'],
  }
}

/**
 * Checks the expressions that are on none of the lists.
 *
 * @returns a sentence for each that is not linear, and those that are
 */
export async function findProblems(
  found: readonly FoundRegexp[],
  { linear, justified }: RegexpLists,
): Promise<{ readonly problems: readonly string[]; readonly checked: readonly string[] }> {
  const known = new Set([...linear, ...Object.keys(justified)])
  const checked: string[] = []
  const problems: string[] = []
  for (const { source, pattern, flags, file } of found) {
    if (known.has(source)) continue
    const verdict = pattern === undefined ? 'is computed' : await findWeakness(pattern, flags)
    if (verdict === undefined) checked.push(source)
    else
      problems.push(
        `${file}: ${source} ${verdict}. Rewrite it, or limit the length of its input and add it to test/regexps/justified.json with that limit.`,
      )
  }
  return { problems, checked }
}

async function findWeakness(pattern: string, flags: string): Promise<string | undefined> {
  // Loaded only when there is something to check: it starts a process of its own.
  const { check } = await import('recheck')
  const verdict = await check(pattern, flags, { timeout: timeoutMs })
  if (verdict.status === 'safe') return undefined
  return verdict.status === 'vulnerable' ? `is ${verdict.complexity.summary}` : 'could not be judged'
}
