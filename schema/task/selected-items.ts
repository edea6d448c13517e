import { type ASTNode, type DocumentNode, Kind, visit } from 'graphql'
import type { SelectingOperation } from '../../src/live/execute/topic-field.ts'
import { itemPageSize } from '../../src/tasks/model/item-table.ts'
import { pageSize } from '../kit/connection.ts'

/** The argument `first` of a selection of items: a number, the name of a variable, or null where it is omitted. */
type First = number | string | null

const selections = new WeakMap<DocumentNode, readonly First[]>()

/**
 * Returns the maximum number of items that an operation selects of a task: a snapshot reads no more. Counts the selections of all
 * operations and fragments of the document.
 * @throws TidingsError `BAD_INPUT` when a selection is larger than a page may be, so that the subscription is refused
 */
export function countSelectedItems({ document, variableValues }: SelectingOperation): number {
  const existing = selections.get(document)
  const found = existing ?? findSelections(document)
  if (existing === undefined) selections.set(document, found)
  const sizes = found.map((first) => {
    const size = typeof first === 'string' ? variableValues[first] : first
    return pageSize(typeof size === 'number' ? size : null, itemPageSize, itemPageSize)
  })
  return Math.max(0, ...sizes)
}

function findSelections(document: DocumentNode): readonly First[] {
  const found: First[] = []
  visit(document, {
    [Kind.FIELD](node, _key, _parent, _path, ancestors) {
      if (node.name.value !== 'items' || !isOfTask(ancestors)) return
      const value = node.arguments?.find(({ name }) => name.value === 'first')?.value
      if (value?.kind === Kind.INT) found.push(Number(value.value))
      else found.push(value?.kind === Kind.VARIABLE ? value.name.value : null)
    },
  })
  return found
}

/** Whether a field may be one of `Task`: of another type only if the nearest type condition says so. */
function isOfTask(ancestors: readonly (ASTNode | readonly ASTNode[])[]): boolean {
  for (const ancestor of ancestors.toReversed()) {
    if (!('kind' in ancestor)) continue
    if (ancestor.kind === Kind.FIELD) return true
    if (ancestor.kind !== Kind.FRAGMENT_DEFINITION && ancestor.kind !== Kind.INLINE_FRAGMENT) continue
    if (ancestor.typeCondition !== undefined) return ancestor.typeCondition.name.value === 'Task'
  }
  return true
}
