import {
  defaultFieldResolver,
  type FieldNode,
  GraphQLBoolean,
  type GraphQLField,
  GraphQLFloat,
  GraphQLID,
  GraphQLInt,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  GraphQLString,
  getArgumentValues,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
} from 'graphql'
import { collectFields, type Selecting } from './collect.ts'

/**
 * Executes an operation and returns its result as JSON; null if the compiled execution is not
 * applicable and graphql-js must execute it.
 */
export type CompiledExecution = (rootValue: unknown, context: unknown) => string | null

/**
 * Thrown for anything that requires graphql-js: promises, errors, a null in a non-null position.
 * graphql-js then repeats the execution.
 */
const notPlain = new Error('This execution is not plain')
const isPromise = (value: unknown): value is Promise<unknown> => value instanceof Promise
/**
 * Aborts the compiled execution.
 *
 * @param value - the discarded value: its promises have no other handler, and the execution that
 * follows reports their failure
 */
const bail = (value?: unknown): never => {
  for (const item of Array.isArray(value) ? value : [value]) if (isPromise(item)) item.catch(() => undefined)
  throw notPlain
}

type Write = (value: unknown, context: unknown) => string

/**
 * Compiles an operation with its variables into functions that write the JSON of the result
 * directly, without intermediate objects: `{"data":…}`, byte for byte the output of
 * `JSON.stringify` for the result of graphql-js.
 *
 * The compiled execution handles neither promises nor errors. If a resolver throws or returns a
 * promise, a value cannot be serialized, or a non-null position is null, it returns null, and
 * graphql-js repeats the whole execution and determines the outcome. Resolvers must therefore be
 * repeatable; `info.path` is the path of the field without list indexes.
 */
export function compileExecution(
  selecting: Selecting,
  operation: OperationDefinitionNode,
  root: GraphQLObjectType,
): CompiledExecution {
  const write = compileObject({ ...selecting, operation }, root, [operation.selectionSet], undefined)
  return (rootValue, context) => {
    try {
      return `{"data":${write(rootValue, context)}}`
    } catch {
      // The execution by graphql-js that follows determines, locates and reports the error.
      return null
    }
  }
}

/**
 * Stands for the arguments of the root field. They differ per topic, while the compiled execution
 * is shared, so a resolver that reads them falls back to graphql-js, which receives the actual
 * arguments.
 */
const otherTopic = new Proxy<Record<string, unknown>>({}, { get: bail, has: bail, ownKeys: bail })

interface Compiling extends Selecting {
  readonly operation: OperationDefinitionNode
}
type Path = GraphQLResolveInfo['path'] | undefined
type SelectionSets = Parameters<typeof collectFields>[2]

function compileObject(compiling: Compiling, type: GraphQLObjectType, sets: SelectionSets, path: Path): Write {
  const fields: { readonly start: string; readonly write: Write }[] = []
  for (const [responseName, nodes] of collectFields(compiling, type, sets)) {
    const write = compileField(compiling, type, responseName, nodes, path)
    if (write === null) continue
    fields.push({ start: `${fields.length === 0 ? '{' : ','}${JSON.stringify(responseName)}:`, write })
  }
  if (fields.length === 0) return () => '{}'
  return (source, context) => {
    let text = ''
    for (const field of fields) text += field.start + field.write(source, context)
    return `${text}}`
  }
}

/** Returns null if the field does not exist: graphql-js omits it. */
function compileField(
  compiling: Compiling,
  parent: GraphQLObjectType,
  responseName: string,
  nodes: readonly FieldNode[],
  parentPath: Path,
): Write | null {
  const [node] = nodes
  if (node === undefined) return null
  const name = node.name.value
  if (name === '__typename') {
    const text = JSON.stringify(parent.name)
    return () => text
  }
  if (name === SchemaMetaFieldDef.name || name === TypeMetaFieldDef.name) return bail
  const field = parent.getFields()[name]
  if (field === undefined) return null
  const args = parentPath === undefined ? otherTopic : readArguments(compiling, field, node)
  if (args === null) return bail
  const path = { prev: parentPath, key: responseName, typename: parent.name }
  const info: GraphQLResolveInfo = {
    fieldName: name,
    fieldNodes: nodes,
    returnType: field.type,
    parentType: parent,
    path,
    schema: compiling.schema,
    fragments: compiling.fragments,
    rootValue: undefined,
    operation: compiling.operation,
    variableValues: compiling.variables,
  }
  const resolve = field.resolve ?? defaultFieldResolver
  const sets = nodes.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : [selectionSet]))
  const complete = compileValue(compiling, field.type, sets, info)
  return (source, context) => complete(resolve(source, args, context, info), context)
}

function readArguments(
  { variables }: Compiling,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): Record<string, unknown> | null {
  try {
    return getArgumentValues(field, node, variables)
  } catch {
    // A field error at each execution, reported by graphql-js.
    return null
  }
}

function compileValue(
  compiling: Compiling,
  type: GraphQLOutputType,
  sets: SelectionSets,
  info: GraphQLResolveInfo,
): Write {
  if (isNonNullType(type)) return compilePresent(compiling, type.ofType, sets, info)
  const present = compilePresent(compiling, type, sets, info)
  return (value, context) => (value === null || value === undefined ? 'null' : present(value, context))
}

/** Compiles the writer for non-null values; a null aborts the compiled execution. */
function compilePresent(
  compiling: Compiling,
  type: GraphQLOutputType,
  sets: SelectionSets,
  info: GraphQLResolveInfo,
): Write {
  if (isLeafType(type)) return compileLeaf(type)
  if (isListType(type)) {
    const item = compileValue(compiling, type.ofType, sets, info)
    return (value, context) => {
      if (!Array.isArray(value)) return bail(value)
      let text = '['
      try {
        for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ',') + item(value[i], context)
      } catch {
        // Also handles the promises after the item that failed.
        return bail(value)
      }
      return `${text}]`
    }
  }
  if (isObjectType(type)) {
    const write = compileObject(compiling, type, sets, info.path)
    return (value, context) => {
      checkPlain(value)
      if (type.isTypeOf && type.isTypeOf(value, context, info) !== true) return bail()
      return write(value, context)
    }
  }
  if (!isAbstractType(type)) return bail
  const { resolveType } = type
  if (!resolveType) return bail
  const writes = new Map<string, Write>()
  return (value, context) => {
    checkPlain(value)
    const name = resolveType(value, context, info, type)
    if (typeof name !== 'string') return bail(name)
    let write = writes.get(name)
    if (write === undefined) {
      const object = compiling.schema.getType(name)
      if (!isObjectType(object) || !compiling.schema.isSubType(type, object)) return bail()
      const { isTypeOf } = object
      const writeObject = compileObject(compiling, object, sets, info.path)
      write = isTypeOf
        ? (source, contextValue) =>
            isTypeOf(source, contextValue, info) === true ? writeObject(source, contextValue) : bail()
        : writeObject
      writes.set(name, write)
    }
    return write(value, context)
  }
}

function checkPlain(value: unknown): void {
  if (value === null || value === undefined || value instanceof Error) bail()
  if (typeof (value as { then?: unknown }).then === 'function') bail(value)
}

function compileLeaf(type: GraphQLLeafType): Write {
  const write: Write = (value) => {
    checkPlain(value)
    const serializedValue: unknown = type.serialize(value)
    if (serializedValue === null || serializedValue === undefined) return bail()
    return JSON.stringify(serializedValue) ?? bail()
  }
  // Fast paths for the most common types, which need no serialization.
  if (type === GraphQLString || type === GraphQLID)
    return (value, context) => (typeof value === 'string' ? JSON.stringify(value) : write(value, context))
  if (type === GraphQLInt)
    return (value, context) => (typeof value === 'number' && (value | 0) === value ? `${value}` : write(value, context))
  if (type === GraphQLFloat)
    return (value, context) => (Number.isFinite(value) ? `${value as number}` : write(value, context))
  if (type === GraphQLBoolean)
    return (value, context) => (typeof value === 'boolean' ? `${value}` : write(value, context))
  return write
}
