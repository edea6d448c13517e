import {
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  isAbstractType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

/** The inputs needed to collect fields. */
export interface Selecting {
  readonly schema: GraphQLSchema
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  readonly variables: Readonly<Record<string, unknown>>
}

/**
 * Collects the fields of selections on an object type by response name, in the order of
 * graphql-js's result.
 */
export function collectFields(
  selecting: Selecting,
  type: GraphQLObjectType,
  selections: readonly SelectionSetNode[],
): ReadonlyMap<string, readonly FieldNode[]> {
  const fields = new Map<string, FieldNode[]>()
  const visitedFragmentNames = new Set<string>()
  const visit = (set: SelectionSetNode): void => {
    for (const node of set.selections) {
      if (!isIncluded(node, selecting.variables)) continue
      switch (node.kind) {
        case Kind.FIELD: {
          const name = (node.alias ?? node.name).value
          const nodes = fields.get(name)
          if (nodes === undefined) fields.set(name, [node])
          else nodes.push(node)
          break
        }
        case Kind.INLINE_FRAGMENT:
          if (applies(selecting, type, node.typeCondition?.name.value)) visit(node.selectionSet)
          break
        case Kind.FRAGMENT_SPREAD: {
          const name = node.name.value
          const fragment = selecting.fragments[name]
          if (fragment === undefined || visitedFragmentNames.has(name)) break
          visitedFragmentNames.add(name)
          if (applies(selecting, type, fragment.typeCondition.name.value)) visit(fragment.selectionSet)
        }
      }
    }
  }
  for (const set of selections) visit(set)
  return fields
}

function isIncluded(node: SelectionNode, variables: Readonly<Record<string, unknown>>): boolean {
  if (node.directives === undefined || node.directives.length === 0) return true
  if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true) return false
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false
}

function applies({ schema }: Selecting, type: GraphQLObjectType, condition: string | undefined): boolean {
  if (condition === undefined || condition === type.name) return true
  const conditionType = schema.getType(condition)
  return isAbstractType(conditionType) && schema.isSubType(conditionType, type)
}
