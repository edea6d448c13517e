import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A regular expression of the product. */
export interface FoundRegexp {
  /** As in the source: `/a+/g`, or the arguments of `new RegExp(…)` when they are not constants. */
  readonly source: string
  /** undefined when the pattern is computed: such an expression has to be justified. */
  readonly pattern: string | undefined
  readonly flags: string
  /** The first file that contains it, from the root of the project. */
  readonly file: string
}

/** Collects the regular expressions of `src`, `schema` and `client`, each once. */
export async function collectRegexps(): Promise<FoundRegexp[]> {
  const found = new Map<string, FoundRegexp>()
  for (const folder of ['src', 'schema', 'client'])
    for (const entry of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name)
      if (!entry.isFile() || !/\.(tsx?|js)$/.test(entry.name)) continue
      for (const regexp of regexpsIn(await readFile(file, 'utf8'), entry.name))
        if (!found.has(regexp.source)) found.set(regexp.source, { ...regexp, file: file.slice(root.length) })
    }
  return [...found.values()].sort((a, b) => (a.source < b.source ? -1 : 1))
}

/** Finds the regular expressions of one module. */
export function regexpsIn(text: string, name: string): Omit<FoundRegexp, 'file'>[] {
  const found: Omit<FoundRegexp, 'file'>[] = []
  const { program } = parseSync(name, text)
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item)
    if (!isNode(value)) return
    if (value.type === 'Literal' && isRegexpLiteral(value['regex'])) {
      const { pattern, flags } = value['regex']
      found.push({ source: `/${pattern}/${flags}`, pattern, flags })
    }
    const isCall = value.type === 'NewExpression' || value.type === 'CallExpression'
    if (isCall && isNode(value['callee']) && value['callee']['name'] === 'RegExp')
      found.push(fromConstructor(value, text))
    for (const child of Object.values(value)) if (typeof child === 'object') visit(child)
  }
  visit(program)
  return found
}

interface AnyNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function isRegexpLiteral(value: unknown): value is { readonly pattern: string; readonly flags: string } {
  return typeof value === 'object' && value !== null && 'pattern' in value && 'flags' in value
}

function fromConstructor({ arguments: parameters }: AnyNode, text: string): Omit<FoundRegexp, 'file'> {
  const nodes = Array.isArray(parameters) ? parameters.filter(isNode) : []
  const [pattern, flags] = nodes.map(({ type, value }) =>
    type === 'Literal' && typeof value === 'string' ? value : undefined,
  )
  const source = `new RegExp(${text.slice(nodes[0]?.start ?? 0, nodes.at(-1)?.end ?? 0)})`
  return {
    source: source.replace(/\s+/g, ' '),
    pattern: nodes.length === 1 || flags !== undefined ? pattern : undefined,
    flags: flags ?? '',
  }
}
