import { globSync, readFileSync } from 'node:fs'
import type { CodegenConfig } from '@graphql-codegen/cli'
import {
  buildSchema,
  type DocumentNode,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  isLeafType,
  isNonNullType,
  isUnionType,
  Kind,
  parse,
  print,
  stripIgnoredCharacters,
  visit,
} from 'graphql'
import { printCacheSchema } from './src/library/cache-schema.ts'

/**
 * Prints the inputs with an idempotency key and the mutations with a client id: sending one of
 * those twice has the effect of sending it once.
 */
function printKeyed(schema: GraphQLSchema): string {
  const key = 'idempotencyKey'
  const fields = Object.values(schema.getMutationType()?.getFields() ?? {})
  const inputs = fields.flatMap((field) =>
    field.args.flatMap((arg) => {
      const type = getNamedType(arg.type)
      return isInputObjectType(type) && key in type.getFields() ? [`${field.name}.${arg.name}`] : []
    }),
  )
  const identified = fields.filter(({ args }) =>
    args.some(({ type }) => {
      const input = getNamedType(type)
      return isInputObjectType(input) && isNonNullType(input.getFields()['clientId']?.type)
    }),
  )
  const print = (names: readonly string[]): string => JSON.stringify(names.toSorted())
  return `/** Arguments of mutations whose input takes an \`${key}\`. */
export const keyedInputs: readonly string[] = ${print(inputs)}

/** Mutations that require a \`clientId\`, by which the server recognises a repetition. */
export const identifiedMutations: readonly string[] = ${print(identified.map(({ name }) => name))}
`
}

/**
 * Returns the fragment with which the documents of the core select the result of a task. It follows
 * from the schema, so that these documents name no result of an application: of each type its
 * fields without selections, or the fragment on it that an application defines because its pages
 * need more.
 */
export function selectTaskResult(schema: GraphQLSchema, documents: readonly DocumentNode[]): string {
  const union = schema.getType('TaskResult')
  if (!isUnionType(union)) throw new Error('The schema has no union TaskResult: none of its kinds has a result')
  const fragments = new Map(
    documents
      .flatMap(({ definitions }) => definitions)
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map(({ typeCondition, name }) => [typeCondition.name.value, name.value]),
  )
  const members = union.getTypes().map((type) => {
    const fragment = fragments.get(type.name)
    if (fragment !== undefined) return `...${fragment}`
    const fields = Object.values(type.getFields()).filter((field) => isLeafType(getNamedType(field.type)))
    return `... on ${type.name} { ${fields.map(({ name }) => name).join(' ')} }`
  })
  return `fragment TaskResultFields on TaskResult { __typename ${members.join(' ')} }`
}

/** The fragments of the core documents that follow from the kinds of tasks; see client/kinds/documents.ts. */
const fragmentsOfKinds = ['TaskFailureFields', 'TaskOutcomeFields', 'TaskCompletedFields']

/**
 * Prints the documents of the core as text, from which the client makes those of a kind: without the fragments that follow from the
 * kinds of tasks, and so without what an application selects.
 */
function printTaskTexts(documents: readonly DocumentNode[]): string {
  const all = documents.flatMap(({ definitions }) => definitions)
  const printFrom = (name: string): string => {
    const printed = new Map<string, string>()
    const visitFrom = (root: string): void => {
      const node = all.find((definition) => 'name' in definition && definition.name?.value === root)
      if (node === undefined) throw new Error(`The documents of the core have no ${root}`)
      if (printed.has(root) || fragmentsOfKinds.includes(root)) return
      printed.set(root, stripIgnoredCharacters(print(node)))
      visit(node, { [Kind.FRAGMENT_SPREAD]: (spread) => visitFrom(spread.name.value) })
    }
    visitFrom(name)
    return JSON.stringify([...printed.values()].join(' '))
  }
  return `/** The subscription to a task, without the fragments that follow from the kinds of tasks. */
export const taskProgressText = ${printFrom('TaskProgress')}

/** The fragment of a task in lists. */
export const taskSummaryText = ${printFrom('TaskSummaryFields')}
`
}

const schemaFile = 'schema/schema.graphql'
const documentFiles = 'client/**/*.graphql'
const taskResultFields = selectTaskResult(
  buildSchema(readFileSync(schemaFile, 'utf8')),
  globSync(documentFiles).map((file) => parse(readFileSync(file, 'utf8'))),
)

/**
 * Generates the types and documents of the client, from the checked-in schema and the `.graphql`
 * files beside the code that uses them: `npm run codegen`. The output is checked in; CI compares
 * it.
 */
const config: CodegenConfig = {
  schema: schemaFile,
  documents: [documentFiles, taskResultFields],
  pluginLoader: async (name) => {
    if (name.endsWith('cache-schema'))
      return {
        plugin: (schema: GraphQLSchema) =>
          `/** The schema's types, for graphcache. */\nexport const cacheSchema = ${printCacheSchema(schema)} as const;\n`,
      }
    if (name.endsWith('keyed')) return { plugin: printKeyed }
    if (name.endsWith('task-texts'))
      return {
        plugin: (_schema: GraphQLSchema, documents: readonly { readonly document?: DocumentNode }[]) =>
          printTaskTexts(documents.flatMap(({ document }) => document ?? [])),
      }
    throw Object.assign(new Error(`There is no plugin "${name}"`), { code: 'MODULE_NOT_FOUND' })
  },
  generates: {
    'client/gql/': {
      preset: 'client',
      presetConfig: {
        fragmentMasking: false,
        // The documents match the schema, so a server that finds them invalid is older than the
        // page: see client/transport/generated.ts.
        onExecutableDocumentNode: () => ({ generated: true }),
      },
      config: {
        // DocumentNode with `__meta__`, which the mode `documentNode` omits. Not strings: urql
        // derives the key of a string document from its empty body, so all would have the same key.
        documentMode: 'documentNodeImportFragments',
        importExtension: '.ts',
        useTypeImports: true,
        enumsAsTypes: true,
        immutableTypes: true,
        scalars: {
          ID: 'string',
          Cursor: 'string',
          DateTime: 'string',
          JSON: 'unknown',
          Upload: { input: 'File | Blob', output: 'never' },
        },
        strictScalars: true,
      },
    },
    'client/gql/cache-schema.ts': { plugins: ['cache-schema'] },
    'client/gql/keyed.ts': { plugins: ['keyed'] },
    'client/gql/task-texts.ts': { plugins: ['task-texts'] },
  },
}

export default config
