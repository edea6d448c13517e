import {
  type ExecutableDefinitionNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'

/** The size of an operation. */
export interface Measure {
  /** Deepest nesting of fields. */
  readonly depth: number
  /** Number of aliased fields, counted each time a fragment is spread. */
  readonly aliases: number
  /** Estimated number of resolved objects; see {@link measureOperation}. */
  readonly cost: number
}

/** Assumed length of a list when the operation does not determine it. */
const assumedListLength = 4
const assumedPageSize = 20
/** Cost of one field of `Mutation`, which writes. */
const mutationCost = 10
const pagingArguments = ['first', 'last']
/** The lists inside a connection; the connection's arguments set their length. */
const connectionLists = ['edges', 'nodes']
const noMeasure: Measure = { depth: 0, aliases: 0, cost: 0 }
const leaf: Measure = { depth: 1, aliases: 0, cost: 0 }
const aliasedLeaf: Measure = { ...leaf, aliases: 1 }

/**
 * Measures an operation before it is executed. Linear in the size of the document: every fragment
 * is measured once, however often and however deeply it is spread; a fragment that spreads itself
 * counts once (validation refuses it).
 *
 * Cost: 1 for every field that returns an object, times the length of the lists it is in: `first`
 * or `last` if present, else 4. Leaves are free. Introspection has its own limit in graphql's rules
 * and is not counted.
 */
export function measureOperation(options: {
  readonly schema: GraphQLSchema
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly operation: OperationDefinitionNode
  /** As sent; without them every page counts with its default size. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined
}): Measure {
  const { schema, fragments, operation, variables = {} } = options
  const measures = new Map<string, Measure>()

  const ofFragment = (name: string): Measure => {
    const existing = measures.get(name)
    if (existing !== undefined) return existing
    const fragment = fragments.get(name)
    if (fragment === undefined) return noMeasure
    measures.set(name, noMeasure)
    const measure = ofSelection(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value))
    measures.set(name, measure)
    return measure
  }

  const ofField = (node: FieldNode, parent: GraphQLNamedType | undefined): Measure => {
    const aliases = node.alias === undefined ? 0 : 1
    const isMutation = parent !== undefined && parent === schema.getMutationType()
    // Most fields of most documents; their lists cost nothing.
    if (node.name.value.startsWith('__') || (node.selectionSet === undefined && !isMutation))
      return aliases === 0 ? leaf : aliasedLeaf
    const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined
    const type = field === undefined ? undefined : getNamedType(field.type)
    const inner = node.selectionSet === undefined ? noMeasure : ofSelection(node.selectionSet, type)
    const own = isMutation ? mutationCost : isCompositeType(type) ? 1 : 0
    const length = field === undefined ? 1 : lengthOf(node, field, variables)
    return { depth: 1 + inner.depth, aliases: aliases + inner.aliases, cost: length * (own + inner.cost) }
  }

  const ofSelection = ({ selections }: SelectionSetNode, parent: GraphQLNamedType | undefined): Measure => {
    let { depth, aliases, cost } = noMeasure
    for (const selection of selections) {
      let part: Measure
      if (selection.kind === Kind.FIELD) part = ofField(selection, parent)
      else if (selection.kind === Kind.FRAGMENT_SPREAD) part = ofFragment(selection.name.value)
      else {
        const condition = selection.typeCondition?.name.value
        part = ofSelection(selection.selectionSet, condition === undefined ? parent : schema.getType(condition))
      }
      depth = Math.max(depth, part.depth)
      aliases += part.aliases
      cost += part.cost
    }
    return { depth, aliases, cost }
  }

  return ofSelection(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined)
}

/** The number of fields in a document, counted as validation compares them. */
interface FieldCount {
  /**
   * All fields and fragment spreads of all definitions, counted each time a fragment is spread. The
   * count stops at the limit.
   */
  readonly fields: number
  /**
   * The largest number of fields with one response name in one place, that is, of fields that are
   * merged with each other. Fragment spreads in one place count as fields with the name `...`.
   */
  readonly perName: number
  /** That response name. */
  readonly name: string
}

/** A selection set, and the fragments that contain it. */
interface Place {
  readonly selectionSet: SelectionSetNode
  readonly within: readonly string[]
}

/**
 * Counts the fields that graphql's rule `OverlappingFieldsCanBeMerged` compares: pairs of fields
 * with the same response name, so its time grows with the square of their number. Takes time
 * linear in `maxFields`, whatever the document.
 */
export function countFields(options: {
  readonly definitions: readonly ExecutableDefinitionNode[]
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly maxFields: number
}): FieldCount {
  const { definitions, fragments, maxFields } = options
  let fields = 0
  let perName = 0
  let name = ''

  /** Adds the fields of a place to the fields that they are merged with, by response name. */
  const collect = ({ selectionSet, within }: Place, fieldsByName: Map<string, Place[]>): void => {
    for (const selection of selectionSet.selections) {
      if (fields > maxFields) return
      fields++
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        collect({ selectionSet: selection.selectionSet, within }, fieldsByName)
        continue
      }
      const isField = selection.kind === Kind.FIELD
      const responseName = isField ? (selection.alias ?? selection.name).value : '...'
      const places = fieldsByName.get(responseName) ?? []
      fieldsByName.set(responseName, places)
      places.push({ selectionSet: (isField ? selection.selectionSet : undefined) ?? emptySelection, within })
      if (places.length > perName) {
        perName = places.length
        name = responseName
      }
      const fragment = isField ? undefined : fragments.get(selection.name.value)
      // A fragment that spreads itself is refused by another rule.
      if (fragment !== undefined && !within.includes(fragment.name.value))
        collect({ selectionSet: fragment.selectionSet, within: [...within, fragment.name.value] }, fieldsByName)
    }
  }
  const count = (places: readonly Place[]): void => {
    const fieldsByName = new Map<string, Place[]>()
    for (const place of places) collect(place, fieldsByName)
    for (const inner of fieldsByName.values()) if (fields <= maxFields) count(inner)
  }
  for (const { kind, name: definitionName, selectionSet } of definitions)
    count([{ selectionSet, within: kind === Kind.FRAGMENT_DEFINITION ? [definitionName.value] : [] }])
  return { fields, perName, name }
}

const emptySelection: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: [] }

function lengthOf(
  node: FieldNode,
  field: GraphQLField<unknown, unknown>,
  variables: Readonly<Record<string, unknown>>,
): number {
  const paging = field.args.filter(({ name }) => pagingArguments.includes(name))
  if (paging.length > 0) {
    const sizes = paging.flatMap(({ name, defaultValue }) => {
      const valueNode = node.arguments?.find((argument) => argument.name.value === name)?.value
      const value =
        valueNode?.kind === Kind.INT
          ? Number(valueNode.value)
          : valueNode?.kind === Kind.VARIABLE
            ? (variables[valueNode.name.value] ?? defaultValue)
            : defaultValue
      return typeof value === 'number' && value >= 0 ? [value] : []
    })
    return Math.max(1, ...(sizes.length === 0 ? [assumedPageSize] : sizes))
  }
  const type = isNonNullType(field.type) ? field.type.ofType : field.type
  return isListType(type) && !connectionLists.includes(field.name) ? assumedListLength : 1
}
