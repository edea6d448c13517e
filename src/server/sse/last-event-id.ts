import {
  type ArgumentNode,
  type DocumentNode,
  type ExecutionArgs,
  getOperationAST,
  Kind,
  type NameNode,
  type OperationDefinitionNode,
  OperationTypeNode,
  parseType,
  type VariableDefinitionNode,
} from 'graphql'

/** The document and the variables with which a subscription is resumed. */
type Resumed = Pick<ExecutionArgs, 'document' | 'variableValues'>

/** The argument by which every subscription of this API is resumed. */
const argumentName = 'after'
/** The variable declared in documents that have none for the argument. */
const ownVariable = 'tidingsLastEventId'
/**
 * Documents with the variable, keyed by the documents without it: one for all resuming subscribers,
 * so that they share executions.
 */
const rewrittenDocuments = new WeakMap<DocumentNode, DocumentNode>()

/**
 * Returns a subscription that resumes after the event with this id, which is the event's cursor: as
 * if its root field had the argument `after`. An `EventSource` repeats its request unchanged and
 * adds only the header `Last-Event-ID`.
 *
 * @returns null when the operation is not a subscription to one field that has the argument
 */
export function resumeAfter(
  args: Pick<ExecutionArgs, 'schema' | 'document' | 'operationName' | 'variableValues'>,
  lastEventId: string,
): Resumed | null {
  const { schema, document, operationName, variableValues } = args
  const operation = getOperationAST(document, operationName)
  const [selection, ...otherSelections] = operation?.selectionSet.selections ?? []
  if (
    operation?.operation !== OperationTypeNode.SUBSCRIPTION ||
    selection?.kind !== Kind.FIELD ||
    otherSelections.length > 0
  )
    return null
  const field = schema.getSubscriptionType()?.getFields()[selection.name.value]
  const type = field?.args.find(({ name }) => name === argumentName)?.type
  if (type === undefined) return null
  const valueNode = selection.arguments?.find(({ name }) => name.value === argumentName)?.value
  if (valueNode?.kind === Kind.VARIABLE)
    return { document, variableValues: { ...variableValues, [valueNode.name.value]: lastEventId } }
  let resumable = rewrittenDocuments.get(document)
  if (resumable === undefined) {
    resumable = declareVariable(document, operation, String(type))
    rewrittenDocuments.set(document, resumable)
  }
  return { document: resumable, variableValues: { ...variableValues, [ownVariable]: lastEventId } }
}

function declareVariable(document: DocumentNode, operation: OperationDefinitionNode, type: string): DocumentNode {
  const toName = (value: string): NameNode => ({ kind: Kind.NAME, value })
  const variable = { kind: Kind.VARIABLE, name: toName(ownVariable) } as const
  const definition: VariableDefinitionNode = { kind: Kind.VARIABLE_DEFINITION, variable, type: parseType(type) }
  const argument: ArgumentNode = { kind: Kind.ARGUMENT, name: toName(argumentName), value: variable }
  const { selections } = operation.selectionSet
  const resumable: OperationDefinitionNode = {
    ...operation,
    variableDefinitions: [...(operation.variableDefinitions ?? []), definition],
    selectionSet: {
      ...operation.selectionSet,
      selections: selections.map((selection) =>
        selection.kind === Kind.FIELD
          ? {
              ...selection,
              arguments: [...(selection.arguments ?? []).filter(({ name }) => name.value !== argumentName), argument],
            }
          : selection,
      ),
    },
  }
  return {
    ...document,
    definitions: document.definitions.map((definition) => (definition === operation ? resumable : definition)),
  }
}
