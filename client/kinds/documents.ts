import { createRequest, type TypedDocumentNode } from '@urql/core'
import type { DefinitionNode, FragmentDefinitionNode, SelectionNode, SelectionSetNode } from 'graphql'
import { TaskProgressDocument, type TaskSummaryFieldsFragment, TaskSummaryFieldsFragmentDoc } from '../gql/graphql.ts'
import type { AnyKind } from './generated-kind.ts'

/** The result of the mutation that starts a task: the task, or why it was refused. */
export type StartAnswer = { readonly __typename: string; readonly task: TaskSummaryFieldsFragment } | StartFailure

/** A failure of a start that the caller can act on. */
export type StartFailure =
  | {
      readonly __typename: 'InvalidInputError'
      readonly message: string
      /** All problems; the path of a value begins with `input`. */
      readonly issues: readonly { readonly path: string; readonly message: string }[]
    }
  | { readonly __typename: 'RateLimitedError'; readonly message: string; readonly retryAfterMs: number }
  | {
      readonly __typename: 'ConflictError'
      readonly message: string
      /** The task to watch instead; null when the conflict has another cause. */
      readonly runningTask: { readonly id: string } | null
    }
  | { readonly __typename: 'NotFoundError'; readonly message: string; readonly id: string }

/** The mutation that starts a task. */
type StartDocument = TypedDocumentNode<Readonly<Record<string, StartAnswer>>, { readonly input: object }>
/** The subscription to a task. */
type WatchDocument = typeof TaskProgressDocument

/** Returns the mutation that starts a task of a kind. */
export const startDocumentOf = /* @__PURE__ */ perKind(createStart)

/**
 * Returns the subscription to a task of a kind: that of the core, which fits the reducer, with the selections of the result and of
 * the error details of this kind.
 */
const watchDocumentOf = /* @__PURE__ */ perKind(createWatch)

/** Of tasks of any kind: the results and details that it would have to select are those of a server. */
const anyKind: AnyKind = { kind: '', mutation: '', inputType: '', successType: '', result: null, details: null }

/** Returns the subscription to a task of a kind; without a kind, that of a plugin, or one without results. */
export function taskDocumentOf(
  { plugins = [] }: { readonly plugins?: readonly { readonly taskProgress?: WatchDocument }[] },
  kind?: AnyKind,
): WatchDocument {
  const ofPlugin = plugins.find(({ taskProgress }) => taskProgress !== undefined)?.taskProgress
  return (kind === undefined ? ofPlugin : undefined) ?? watchDocumentOf(kind ?? anyKind)
}

/** Creates a document once per kind. */
function perKind<Document extends object>(create: (kind: AnyKind) => Document): (kind: AnyKind) => Document {
  const documents = new WeakMap<AnyKind, Document>()
  return (kind) => {
    const document = documents.get(kind) ?? create(kind)
    documents.set(kind, document)
    return document
  }
}

function createStart({ mutation, inputType, successType }: AnyKind): StartDocument {
  const definitions = parse(`mutation ${successType.replace(/Success$/, '')}($input: ${inputType}) {
    ${mutation}(input: $input) {
      __typename
      ... on ${successType} { task { ...TaskSummaryFields } }
      ... on Error { message }
      ... on InvalidInputError { issues { path message } }
      ... on RateLimitedError { retryAfterMs }
      ... on ConflictError { runningTask { id } }
      ... on NotFoundError { id }
    }
  }`)
  return toDocument([...definitions, ...TaskSummaryFieldsFragmentDoc.definitions]) as StartDocument
}

function createWatch({ result, details }: AnyKind): WatchDocument {
  const { definitions } = TaskProgressDocument
  const fragments = new Map(definitions.filter(isFragment).map((node) => [node.name.value, node]))
  const errorFields = fragments.get('TaskErrorFields')
  if (result !== null) {
    const [own] = parse(`fragment TaskResultFields on TaskResult { __typename ${result} }`).filter(isFragment)
    if (own !== undefined) fragments.set('TaskResultFields', own)
  }
  if (details !== null && errorFields !== undefined) {
    const [own] = parse(`fragment Details on TaskError { details { __typename ${details} } }`).filter(isFragment)
    const selections = [...errorFields.selectionSet.selections, ...(own?.selectionSet.selections ?? [])]
    fragments.set('TaskErrorFields', { ...errorFields, selectionSet: { ...errorFields.selectionSet, selections } })
  }
  // Only the fragments that are still used: those of the results of other kinds are invalid for this server.
  const used = new Map<string, FragmentDefinitionNode>()
  const copy = (set: SelectionSetNode): SelectionSetNode => ({ ...set, selections: set.selections.map(copySelection) })
  const copySelection = (selection: SelectionNode): SelectionNode => {
    if (selection.kind === 'FragmentSpread') {
      const name = selection.name.value
      const fragment = fragments.get(name)
      if (fragment !== undefined && !used.has(name)) {
        used.set(name, fragment)
        used.set(name, { ...fragment, selectionSet: copy(fragment.selectionSet) })
      }
      return selection
    }
    // A schema has this field only if one of its kinds has a result.
    if (result === null && selection.kind === 'Field' && selection.name.value === 'result') {
      const { selectionSet: _, ...field } = selection
      return { ...field, name: { ...field.name, value: '__typename' } }
    }
    return selection.selectionSet === undefined
      ? selection
      : { ...selection, selectionSet: copy(selection.selectionSet) }
  }
  const operations = definitions.flatMap((node) =>
    node.kind === 'OperationDefinition' ? [{ ...node, selectionSet: copy(node.selectionSet) }] : [],
  )
  return toDocument([...operations, ...used.values()]) as WatchDocument
}

function parse(text: string): readonly DefinitionNode[] {
  return createRequest(text, {}).query.definitions as readonly DefinitionNode[]
}

function isFragment(node: { readonly kind: string }): node is FragmentDefinitionNode {
  return node.kind === 'FragmentDefinition'
}

/** Marks the document as generated from the schema: a server that finds it invalid is older than the page. */
function toDocument(definitions: readonly DefinitionNode[]): object {
  return { kind: 'Document', definitions, __meta__: { generated: true } }
}
