import { type DocumentNode, Kind, TypeInfo, visit, visitWithTypeInfo } from 'graphql'
import type { SelectingOperation } from '../../src/live/execute/topic-field.ts'
import { itemPageSize } from '../../src/tasks/model/item-table.ts'
import { pageSize } from '../kit/connection.ts'

/** The argument `first` of a selection of items: a number, the name of a variable, or null where it is omitted. */
type First = number | string | null

/** The extensions of the field with the items of a task, by which it is found whatever its type is called. */
export const itemsOfTask = { itemsOfTask: true } as const

const selections = new WeakMap<DocumentNode, readonly First[]>()

/**
 * Returns the maximum number of items that an operation selects of a task: a snapshot reads no more. Counts the selections of all
 * operations and fragments of the document.
 * @throws TidingsError `BAD_INPUT` when a selection is larger than a page may be, so that the subscription is refused
 */
export function countSelectedItems(operation: SelectingOperation): number {
  const { document, variableValues } = operation
  const existing = selections.get(document)
  const found = existing ?? findSelections(operation)
  if (existing === undefined) selections.set(document, found)
  const sizes = found.map((first) => {
    const size = typeof first === 'string' ? variableValues[first] : first
    return pageSize(typeof size === 'number' ? size : null, itemPageSize, itemPageSize)
  })
  return Math.max(0, ...sizes)
}

function findSelections({ document, schema }: SelectingOperation): readonly First[] {
  const found: First[] = []
  const types = new TypeInfo(schema)
  visit(
    document,
    visitWithTypeInfo(types, {
      [Kind.FIELD](node) {
        if (types.getFieldDef()?.extensions['itemsOfTask'] !== itemsOfTask.itemsOfTask) return
        const value = node.arguments?.find(({ name }) => name.value === 'first')?.value
        if (value?.kind === Kind.INT) found.push(Number(value.value))
        else found.push(value?.kind === Kind.VARIABLE ? value.name.value : null)
      },
    }),
  )
  return found
}
