import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ESTree, parseSync } from 'vite'

/*
 * Writes `docs/reference`: a page per entry of the package, with the signature and the docblock of each export. Reads the sources,
 * whose exports have explicit types; TypeDoc needs a compiler older than the one of this repository.
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const target = join(root, 'docs/reference')
/** Documents and their types that codegen writes; they have no docblocks. */
const generated = join(root, 'client/gql/')
/** The source of each entry, and the name of its page. */
const entries = [
  ['tidings', 'src/index.ts', 'tidings'],
  ['tidings/client', 'client/index.ts', 'client'],
  ['tidings/react', 'client/react/index.ts', 'react'],
  ['tidings/async', 'src/async/index.ts', 'async'],
  ['tidings/engine', 'src/engine.ts', 'engine'],
  ['tidings/environment', 'src/environment.ts', 'environment'],
  ['tidings/schema', 'schema/index.ts', 'schema'],
  ['tidings/server', 'src/server/index.ts', 'server'],
  ['tidings/pothos', 'src/pothos/index.ts', 'pothos'],
  ['tidings/yoga', 'src/yoga/index.ts', 'yoga'],
  ['tidings/testing', 'src/testing/index.ts', 'testing'],
  ['tidings/testing/client', 'client/testing/index.ts', 'testing-client'],
] as const

interface Module {
  readonly file: string
  readonly code: string
  readonly body: readonly ESTree.Node[]
  readonly comments: readonly { readonly value: string; readonly start: number; readonly end: number }[]
}
/** A declaration with its docblock; `node` is the statement, without `export`. */
interface Declared {
  readonly name: string
  readonly module: Module
  readonly node: ESTree.Node
  readonly doc: Doc
}
/** A docblock: its text, and its tags in their order. */
interface Doc {
  readonly text: string
  readonly tags: readonly (readonly [tag: string, text: string])[]
}

const modules = new Map<string, Module>()
async function readModule(file: string): Promise<Module> {
  const existing = modules.get(file)
  if (existing !== undefined) return existing
  const code = await readFile(file, 'utf8')
  const { program, comments } = parseSync(file, code)
  const module = { file, code, body: program.body, comments: comments.filter(({ value }) => value.startsWith('*')) }
  modules.set(file, module)
  return module
}

/** Reads the docblock that ends before a node. */
function docOf({ code, comments }: Module, start: number): Doc {
  // Between the two may be a directive of the linter.
  const isBefore = (end: number): boolean =>
    end <= start &&
    code
      .slice(end, start)
      .replace(/^ *\/\/.*/m, '')
      .trim() === ''
  const comment = comments.findLast(({ end }) => isBefore(end))
  const lines = (comment?.value ?? '').slice(1).split('\n')
  const text = lines.map((line) => line.replace(/^ *\* ?/, '')).join('\n')
  const [before = '', ...examples] = text.split(/^ ?@example\n/m)
  const [sentence = '', ...parts] = before.split(/(?:^|\s)@(?=(?:param|typeParam|returns|throws|default|see)\b)/)
  const tags = parts.map((part) => {
    const space = part.search(/\s/)
    return [part.slice(0, space), toProse(part.slice(space))] as const
  })
  for (const [index, [tag, value]] of tags.entries()) {
    // The default of a parameter follows it.
    const parameter = tag === 'default' ? tags[index - 1] : undefined
    if (parameter?.[0] === 'param') tags.splice(index - 1, 2, ['param', `${parameter[1]} Default: \`${value}\``])
  }
  return { text: toProse(sentence), tags: [...tags, ...examples.map((code) => ['example', code.trimEnd()] as const)] }
}

function toProse(text: string): string {
  return text
    .trim()
    .split('\n\n')
    .map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').replaceAll(/\{@link ([^}]+)\}/g, '`$1`'))
    .join('\n\n')
}

function namesOf(node: ESTree.Node): readonly string[] {
  if (node.type === 'VariableDeclaration')
    return node.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []))
  return 'id' in node && node.id?.type === 'Identifier' ? [node.id.name] : []
}

const nameOf = (node: ESTree.ModuleExportName): string => (node.type === 'Literal' ? node.value : node.name)

/** Returns the exports of a module with their declarations, followed through files that export them again. */
async function readExports(file: string): Promise<readonly Declared[]> {
  const module = await readModule(file)
  const declared: Declared[] = []
  for (const statement of module.body) {
    if (statement.type !== 'ExportNamedDeclaration') continue
    const { declaration, source, specifiers, start } = statement
    if (declaration)
      for (const name of namesOf(declaration))
        declared.push({ name, module, node: declaration, doc: docOf(module, start) })
    if (!source?.value.startsWith('.')) continue
    const exported = await readExports(join(dirname(file), source.value))
    for (const specifier of specifiers) {
      const local = nameOf(specifier.local)
      const found = exported.filter(({ name }) => name === local)
      if (found.length === 0) throw new Error(`${source.value} has no ${local}, which ${file} exports`)
      // The implementation of overloads is no signature of its own.
      const overloads = found.filter(({ node }) => node.type === 'TSDeclareFunction')
      const visible = overloads.length === 0 ? found : overloads
      declared.push(...visible.map((one) => ({ ...one, name: nameOf(specifier.exported) })))
    }
  }
  return declared
}

const isMember = (node: ESTree.Node): boolean =>
  node.type.startsWith('TS') || !('accessibility' in node && node.accessibility)

/** Returns the members of an interface or a class, without those that begin with `#`. */
function membersOf({ node, module }: Declared): readonly Declared[] {
  if (node.type !== 'TSInterfaceDeclaration' && node.type !== 'ClassDeclaration') return []
  return (node.body.body as readonly ESTree.Node[]).flatMap((member) => {
    if (!isMember(member) || !('key' in member) || member.key?.type !== 'Identifier') return []
    return [{ name: member.key.name, module, node: member, doc: docOf(module, member.start) }]
  })
}

/** Returns the source of a declaration without its body. */
function signatureOf({ node, module: { code } }: Declared): string {
  const end = (): number => {
    if (node.type === 'TSInterfaceDeclaration' || node.type === 'ClassDeclaration') return node.body.start
    if (node.type === 'FunctionDeclaration') return node.body?.start ?? node.end
    if (node.type === 'MethodDefinition') return node.value.body?.start ?? node.end
    const init = node.type === 'VariableDeclaration' ? node.declarations[0]?.init : null
    if (init?.type === 'ArrowFunctionExpression') return init.body.start
    return init && init.end - init.start > 200
      ? ((node as ESTree.VariableDeclaration).declarations[0]?.id.end ?? node.end)
      : node.end
  }
  return code
    .slice(node.start, end())
    .replaceAll(/^ *\/\/.*\n/gm, '')
    .trim()
}

function writeDoc({ text, tags }: Doc): string {
  const valuesOf = (tag: string): readonly string[] => tags.filter(([name]) => name === tag).map(([, value]) => value)
  const list = (tag: string, title: string): readonly string[] => {
    const items = valuesOf(tag).map((value) => `- ${value.replace(/^(\S+) (?:- )?/, '`$1`: ')}`)
    return items.length === 0 ? [] : [`${title}:\n\n${items.join('\n')}`]
  }
  return [
    [text, ...valuesOf('default').map((value) => `Default: \`${value}\`.`)].join(' ').trim(),
    ...list('typeParam', 'Type parameters'),
    ...list('param', 'Parameters'),
    ...valuesOf('returns').map((value) => `Returns: ${value}`),
    ...valuesOf('throws').map((value) => `Errors: ${value}`),
    ...valuesOf('example').map((code) => `\`\`\`ts\n${code}\n\`\`\``),
  ].join('\n\n')
}

function writeMember(member: Declared): string {
  const signature = signatureOf(member)
    .replaceAll(/\s+/g, ' ')
    .replace(/^readonly |;$/g, '')
  const doc = writeDoc(member.doc)
  return `- \`${signature}\`${doc === '' ? '' : `: ${doc.replaceAll(/\n(?=.)/g, '\n  ')}`}`
}

/** Writes the section of an export. @param declarations - one, or the overloads of a function */
function writeExport([first, ...others]: readonly [Declared, ...Declared[]]): string {
  const signatures = [first, ...others].map(signatureOf).join('\n')
  const members = membersOf(first).map(writeMember).join('\n')
  return [`## ${first.name}`, `\`\`\`ts\n${signatures}\n\`\`\``, writeDoc(first.doc), members]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** Returns the documented methods that an entry adds to types of another package. */
function readAdditions(module: Module): readonly Declared[] {
  const visit = (node: ESTree.Node): readonly Declared[] => {
    if (node.type === 'ExportNamedDeclaration' && node.declaration) return visit(node.declaration)
    if (node.type === 'TSModuleDeclaration' && node.body?.type === 'TSModuleBlock') return node.body.body.flatMap(visit)
    if (node.type !== 'TSInterfaceDeclaration') return []
    return membersOf({ name: '', module, node, doc: { text: '', tags: [] } }).filter(({ doc }) => doc.text !== '')
  }
  return module.body.filter(({ type }) => type === 'TSModuleDeclaration').flatMap(visit)
}

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
const missing: string[] = []
for (const [name, source, page] of entries) {
  const file = join(root, source)
  const exported = (await readExports(file)).filter(({ module }) => !module.file.startsWith(generated))
  const declared = [...exported, ...readAdditions(await readModule(file))]
  const isType = ({ node: { type } }: Declared): boolean =>
    ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration'].includes(type)
  const sorted = declared.toSorted(
    (a, b) => Number(isType(a)) - Number(isType(b)) || a.name.localeCompare(b.name, 'en'),
  )
  const sections = [...Map.groupBy(sorted, ({ name: title }) => title).values()] as [Declared, ...Declared[]][]
  for (const [{ name: title, module, doc }] of sections)
    if (doc.text === '') missing.push(`${title} (${relative(root, module.file)})`)
  const index = sections.map(([{ name: title }]) => `[${title}](#${title.toLowerCase()})`).join(' · ')
  const head = `# ${name}\n\n<!-- Written by \`npm run reference\` from the docblocks: do not edit. -->\n\n${index}`
  await writeFile(join(target, `${page}.md`), `${[head, ...sections.map(writeExport)].join('\n\n')}\n`)
}
if (missing.length > 0) throw new Error(`Exports without a docblock: ${missing.join(', ')}`)
