import { type GraphQLLeafType, isEnumType } from 'graphql'

/** A property of a printed type. */
interface PrintedField {
  readonly name: string
  readonly type: string
  readonly isOptional?: boolean
  readonly description?: string | null | undefined
  readonly deprecationReason?: string | null | undefined
}

/** The values of scalars as JSON. */
const scalars: Readonly<Record<string, string>> = {
  Boolean: 'boolean',
  Cursor: 'string',
  DateTime: 'string',
  Float: 'number',
  ID: 'string',
  Int: 'number',
  String: 'string',
}

/** Names that TypeScript does not accept for a constant or a type of a module. */
const reserved: ReadonlySet<string> = new Set(
  [
    'any arguments as async await bigint boolean break case catch class const continue debugger default delete do else enum eval',
    'export extends false finally for function globalThis if implements import in instanceof interface let never new null number',
    'object package private protected public return static string super switch symbol this throw true try type typeof undefined',
    'unknown var void while with yield',
  ].flatMap((line) => line.split(' ')),
)

/** Returns a name that a module can declare: `delete_` for `delete`. @param used - other names of the module */
export function declarable(name: string, used: ReadonlySet<string>): string {
  return reserved.has(name) || used.has(name) ? `${name}_` : name
}

/** The types of values by their names in JSON Schema. */
const jsonTypes: Readonly<Record<string, string>> = {
  boolean: 'boolean',
  integer: 'number',
  number: 'number',
  string: 'string',
}

/**
 * Returns the type of a scalar or enum as JSON. Of a team's own scalars it is known when they say it, as those of `graphql-scalars` do:
 * `extensions: { jsonSchema: { type: 'string' } }`.
 */
export function leafType(type: GraphQLLeafType): string {
  if (!isEnumType(type)) {
    const { jsonSchema } = type.extensions as { readonly jsonSchema?: { readonly type?: string } }
    return scalars[type.name] ?? jsonTypes[jsonSchema?.type ?? ''] ?? 'unknown'
  }
  return type
    .getValues()
    .map(({ name }) => `'${name}'`)
    .join(' | ')
}

/** Returns the type of a list. */
export function listOf(item: string): string {
  return /^\w+$/.test(item) ? `readonly ${item}[]` : `readonly (${item})[]`
}

/** Returns an object type, a property per line. */
export function printFields(fields: readonly PrintedField[]): string {
  const lines = fields.map(
    ({ name, type, isOptional = false, description, deprecationReason }) =>
      `${printComment(description, deprecationReason)}readonly ${name}${isOptional ? '?' : ''}: ${type}`,
  )
  return `{\n${indent(lines.join('\n'))}\n}`
}

/** Returns a comment and a line break; nothing without a text. */
export function printComment(description: string | null | undefined, deprecationReason?: string | null): string {
  const texts = [
    description ?? '',
    deprecationReason === null || deprecationReason === undefined ? '' : `@deprecated ${deprecationReason}`,
  ]
  const lines = texts
    .filter((text) => text !== '')
    .join('\n')
    .replaceAll('*/', '*\\/')
    .split('\n')
  if (lines.length > 1) return `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join('\n')}\n */\n`
  return lines[0] === '' ? '' : `/** ${lines[0]} */\n`
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}
