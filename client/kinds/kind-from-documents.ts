import { createRequest, stringifyDocument, type TypedDocumentNode } from '@urql/core'
import type {
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  InlineFragmentNode,
  SelectionNode,
  SelectionSetNode,
} from 'graphql'
import type { GeneratedKind } from './generated-kind.ts'

/** The value of a field in those members of a union that have it. */
type FieldOf<T, K extends string> = T extends unknown ? (K extends keyof T ? T[K] : never) : never
/** The members of a union of which a document selects more than the name. */
type Selected<T> = T extends unknown
  ? Exclude<keyof T, '__typename'> extends never
    ? never
    : string extends keyof T
      ? never
      : T
  : never
type NullIfNone<T> = [T] extends [never] ? null : T

/** The events that a subscription to a task selects: the value of its only field. */
type EventsOf<Data> = NonNullable<FieldOf<Data, Exclude<keyof Data, '__typename'> & string>>
type ResultsOf<Event> = Selected<
  NonNullable<FieldOf<Event, 'result'> | FieldOf<NonNullable<FieldOf<Event, 'task'>>, 'result'>>
>
type DetailsOf<Event> = Selected<NonNullable<FieldOf<NonNullable<FieldOf<Event, 'error'>>, 'details'>>>
/** The names of the members of a union; any, if the document does not select `__typename`. */
type NameOf<T> = [FieldOf<T, '__typename'>] extends [never] ? string : NonNullable<FieldOf<T, '__typename'>> & string
type Named<T, Name> = T extends unknown
  ? '__typename' extends keyof T
    ? Name extends T['__typename']
      ? T
      : never
    : T
  : never

/** Documents of a team about one kind of task. */
export interface KindDocuments<
  Kind extends string,
  Input extends object,
  Data,
  Errors extends Readonly<Record<string, NameOf<DetailsOf<EventsOf<Data>>>>>,
> {
  /** The name of the kind, such as `EXPORT_REPORT`. */
  readonly kind: Kind
  /** The mutation that starts a task, with the variable `input`. Needed by `useStart` and `startTask` only. */
  readonly start?: TypedDocumentNode<unknown, { input: Input }>
  /** The subscription to a task: its selections of `result` and of the `details` of an error are those of the kind. */
  readonly watch: TypedDocumentNode<Data, never> | TypedDocumentNode<Data, { taskId: string }>
  /**
   * The types of error details by code: `{ QUOTA: 'ExportReportQuotaError' }`. Select `__typename` of the details if there are several,
   * so that each code has its own. Default none.
   */
  readonly errors?: Errors
}

/**
 * Describes a kind of task by a team's own documents, such as those of graphql-codegen, as `tidings.gen.ts` describes it: for
 * `useStart`, `useTask`, `startTask` and `watchTask`, which infer input, result and error details from the documents.
 *
 * The names of the mutation and its types, and what is selected of the result and of the error details, are taken from the documents;
 * everything else that is selected of a task is what Tidings needs of it.
 *
 * @throws TypeError when `start` is not a mutation with the variable `input`, or `watch` uses variables in what it selects
 * @example
 * const exportReport = kindFromDocuments({
 *   kind: 'EXPORT_REPORT',
 *   start: graphql(`mutation StartExport($input: ExportReportInput!) {
 *     exportReport(input: $input) { ... on ExportReportSuccess { task { id } } }
 *   }`),
 *   watch: graphql(`subscription WatchExport($taskId: ID!) {
 *     taskProgress(taskId: $taskId) {
 *       ... on TaskCompleted { result { ... on ExportReportOutput { url pages } } }
 *       ... on TaskFailed { error { details { ... on ExportReportQuotaError { resetsAt } } } }
 *     }
 *   }`),
 *   errors: { QUOTA: 'ExportReportQuotaError' },
 * })
 */
export function kindFromDocuments<
  const Kind extends string,
  Data,
  const Errors extends Readonly<Record<string, NameOf<DetailsOf<EventsOf<Data>>>>> = Readonly<Record<never, never>>,
  Input extends object = never,
>({
  kind,
  start,
  watch,
}: KindDocuments<Kind, Input, Data, Errors>): GeneratedKind<
  Kind,
  Input,
  NullIfNone<ResultsOf<EventsOf<Data>>>,
  { readonly [C in keyof Errors]: Named<DetailsOf<EventsOf<Data>>, Errors[C]> }
> {
  return { kind, ...readStart(start), ...readSelections(watch) }
}

const parse = (document: TypedDocumentNode<never, never> | TypedDocumentNode<unknown, never>): DocumentNode =>
  createRequest(document, {} as never).query as DocumentNode

/** The mutation of a kind that is only watched. */
const noStart = { mutation: '', inputType: '', successType: '' }

function readStart(
  document: TypedDocumentNode<unknown, never> | undefined,
): Pick<GeneratedKind, 'mutation' | 'inputType' | 'successType'> {
  if (document === undefined) return noStart
  const { definitions } = parse(document)
  const operation = definitions.find((definition) => definition.kind === 'OperationDefinition')
  const field = operation?.selectionSet.selections.find((selection) => selection.kind === 'Field')
  const input = operation?.variableDefinitions?.find(({ variable }) => variable.name.value === 'input')
  const type = input?.type.kind === 'NonNullType' ? input.type.type : input?.type
  if (operation?.operation !== 'mutation' || field === undefined || type?.kind !== 'NamedType')
    throw new TypeError('The document that starts a task is not a mutation with the variable $input')
  const success = operation.selectionSet && findSuccess(field, definitions)
  if (success === undefined)
    throw new TypeError(
      `The mutation ${field.name.value} does not select the task: write ... on …Success { task { id } }`,
    )
  return { mutation: field.name.value, inputType: `${type.name.value}!`, successType: success }
}

/** Returns the type on which a mutation selects the task. */
function findSuccess({ selectionSet }: FieldNode, definitions: DocumentNode['definitions']): string | undefined {
  const hasTask = ({ selections }: SelectionSetNode): boolean =>
    selections.some((selection) => selection.kind === 'Field' && selection.name.value === 'task')
  for (const selection of selectionSet?.selections ?? []) {
    const fragment = selection.kind === 'FragmentSpread' ? findFragment(definitions, selection.name.value) : selection
    if (fragment.kind !== 'Field' && hasTask(fragment.selectionSet)) return fragment.typeCondition?.name.value
  }
  return undefined
}

function findFragment(definitions: DocumentNode['definitions'], name: string): FragmentDefinitionNode {
  const fragment = definitions.find(
    (definition) => definition.kind === 'FragmentDefinition' && definition.name.value === name,
  )
  if (fragment?.kind === 'FragmentDefinition') return fragment
  throw new TypeError(`The document spreads the fragment ${name}, which it does not contain`)
}

/** Reads what a document selects of results and of error details, wherever it does so. */
function readSelections(
  document: TypedDocumentNode<never, never> | TypedDocumentNode<unknown, never>,
): Pick<GeneratedKind, 'result' | 'details'> {
  const { definitions } = parse(document)
  const found = { result: new Set<string>(), details: new Set<string>() }
  const visit = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      const { selectionSet } = selection.kind === 'FragmentSpread' ? { selectionSet: undefined } : selection
      if (selectionSet === undefined) continue
      const name = selection.kind === 'Field' ? selection.name.value : undefined
      if (name === 'result' || name === 'details') found[name].add(printInline(selectionSet, definitions))
      else visit(selectionSet)
    }
  }
  for (const definition of definitions) if ('selectionSet' in definition) visit(definition.selectionSet)
  const join = (texts: ReadonlySet<string>): string | null => (texts.size === 0 ? null : [...texts].join(' '))
  return { result: join(found.result), details: join(found.details) }
}

/** Prints selections with their fragments in place, as the document that they become part of has other definitions. */
function printInline(selectionSet: SelectionSetNode, definitions: DocumentNode['definitions']): string {
  const inline = (set: SelectionSetNode): SelectionSetNode => ({
    ...set,
    selections: set.selections.map((selection): SelectionNode => {
      if (selection.kind === 'FragmentSpread') {
        const { typeCondition, selectionSet } = findFragment(definitions, selection.name.value)
        // The enum of kinds is no type only import.
        return { kind: 'InlineFragment', typeCondition, selectionSet: inline(selectionSet) } as InlineFragmentNode
      }
      return selection.selectionSet === undefined
        ? selection
        : { ...selection, selectionSet: inline(selection.selectionSet) }
    }),
  })
  const name = { kind: 'Name', value: 'Selected' } as const
  const fragment = {
    kind: 'FragmentDefinition',
    name,
    typeCondition: { kind: 'NamedType', name },
    selectionSet: inline(selectionSet),
  }
  const text = stringifyDocument({ kind: 'Document', definitions: [fragment] } as never)
  const selections = text.slice(text.indexOf('{') + 1, text.lastIndexOf('}')).trim()
  if (selections.includes('$')) throw new TypeError(`The selections of a task cannot use variables: ${selections}`)
  return selections
}
