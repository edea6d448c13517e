import { createRequest, type TypedDocumentNode } from '@urql/core'
import type { TaskProgressDocument, TaskSummaryFieldsFragment } from '../gql/graphql.ts'
import { taskSummaryText } from '../gql/task-texts.ts'
import type { AnyKind } from './generated-kind.ts'
import type { GeneratedTopic, TopicEvent } from './generated-topic.ts'
import { printWatch } from './watch-text.ts'

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

/** Returns the subscription to a topic. */
export const topicDocumentOf = /* @__PURE__ */ perKind(
  ({ document }: GeneratedTopic) =>
    toDocument(document) as TypedDocumentNode<Readonly<Record<string, TopicEvent>>, TopicVariables>,
)

/** The variables of a subscription to a topic. */
interface TopicVariables {
  readonly id: string
  readonly after?: string
  readonly fromStart?: boolean
}

/** Creates a document once per kind of task or topic. */
function perKind<Kind extends object, Document extends object>(
  create: (kind: Kind) => Document,
): (kind: Kind) => Document {
  const documents = new WeakMap<Kind, Document>()
  return (kind) => {
    const document = documents.get(kind) ?? create(kind)
    documents.set(kind, document)
    return document
  }
}

function createStart({ mutation, inputType, successType }: AnyKind): StartDocument {
  return toDocument(`mutation ${successType.replace(/Success$/, '')}($input: ${inputType}) {
    ${mutation}(input: $input) {
      __typename
      ... on ${successType} { task { ...TaskSummaryFields } }
      ... on Error { message }
      ... on InvalidInputError { issues { path message } }
      ... on RateLimitedError { retryAfterMs }
      ... on ConflictError { runningTask { id } }
      ... on NotFoundError { id }
    }
  } ${taskSummaryText}`) as StartDocument
}

function createWatch(kind: AnyKind): WatchDocument {
  return toDocument(printWatch(kind)) as WatchDocument
}

/** Marks the document as generated from the schema: a server that finds it invalid is older than the page. */
export function toDocument(text: string): object {
  // urql returns this same object for every request with this document.
  return Object.assign(createRequest(text, {}).query, { __meta__: { generated: true } })
}
