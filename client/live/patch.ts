import type { DocumentNode, FragmentDefinitionNode, SelectionSetNode } from 'graphql'

/**
 * A value that is known of a field of an object, by the names of the schema; undefined when nothing is known. The type is
 * undefined where a result does not say it.
 */
export type FindField = (type: string | undefined, id: string, field: string) => unknown

/** The data of a result after known values were put in. */
export interface PatchedData {
  /** The same object when nothing has changed. */
  readonly data: Readonly<Record<string, unknown>>
  /** Whether the status of something has changed: then other parts of it may be outdated too. */
  readonly hasStatusChanged: boolean
}

type Fields = Readonly<Record<string, unknown>>

/** A field as a result has it, with everything that is selected of it. */
interface Selected {
  readonly name: string
  readonly sets: SelectionSetNode[]
}

/**
 * Replaces fields of the objects in a result by values that are known to be newer. Objects are recognised by their `id`,
 * and by `__typename` where it was selected; parts that do not change keep their identity.
 *
 * @param query - the document of the result, by which aliases are resolved
 * @param objectTypes - the names of the schema's object types
 */
export function patchData(
  query: DocumentNode,
  data: Fields,
  objectTypes: { has(name: string): boolean },
  find: FindField,
): PatchedData {
  const operation = query.definitions.find((definition) => definition.kind === 'OperationDefinition')
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of query.definitions)
    if (definition.kind === 'FragmentDefinition') fragments.set(definition.name.value, definition)
  let hasStatusChanged = false

  const collect = (sets: readonly SelectionSetNode[], type: unknown, into = new Map<string, Selected>()) => {
    for (const { selections } of sets)
      for (const selection of selections) {
        if (selection.kind === 'Field') {
          const { name, alias, selectionSet } = selection
          const key = (alias ?? name).value
          const selected = into.get(key) ?? { name: name.value, sets: [] }
          into.set(key, selected)
          if (selectionSet !== undefined) selected.sets.push(selectionSet)
          continue
        }
        const fragment = selection.kind === 'InlineFragment' ? selection : fragments.get(selection.name.value)
        if (fragment === undefined) continue
        // One key may stand for several fields between object types only, so a condition on an interface may pass.
        const condition = fragment.typeCondition?.name.value
        const isOther =
          type !== undefined && condition !== undefined && condition !== type && objectTypes.has(condition)
        if (!isOther) collect([fragment.selectionSet], type, into)
      }
    return into
  }
  /** @param known - fields of this very object; the others are looked up */
  const patchObject = (sets: readonly SelectionSetNode[], object: Fields, known: Fields | undefined): Fields => {
    const { __typename: type } = object
    const selected = collect(sets, type)
    const idKey = [...selected].find(([, { name }]) => name === 'id')?.[0]
    const id = idKey === undefined ? undefined : object[idKey]
    let patched: Record<string, unknown> | undefined
    for (const [key, field] of selected) {
      const value = object[key]
      if (value === undefined) continue
      const { name } = field
      const found = typeof id === 'string' ? find(typeof type === 'string' ? type : undefined, id, name) : undefined
      const newer = known !== undefined && name in known ? known[name] : found
      const next = newer === undefined ? patchValue(field.sets, value) : replace(field.sets, value, newer)
      if (next === value) continue
      if (name === 'status') hasStatusChanged = true
      patched ??= { ...object }
      patched[key] = next
    }
    return patched ?? object
  }
  const patchValue = (sets: readonly SelectionSetNode[], value: unknown): unknown => {
    if (!Array.isArray(value)) return isFields(value) ? patchObject(sets, value, undefined) : value
    const patched = value.map((part) => patchValue(sets, part))
    return patched.some((part, index) => part !== value[index]) ? patched : value
  }
  const replace = (sets: readonly SelectionSetNode[], value: unknown, newer: unknown): unknown => {
    if (!isFields(newer)) return newer
    if (isFields(value)) return patchObject(sets, value, newer)
    return create(sets, newer) ?? value
  }
  /** The selected fields of an object that the result does not have; undefined when they are not all known. */
  const create = (sets: readonly SelectionSetNode[], known: Fields): Fields | undefined => {
    const created: Record<string, unknown> = {}
    for (const [key, { name, sets: inner }] of collect(sets, known['__typename'])) {
      const value = known[name]
      const part = isFields(value) ? create(inner, value) : value
      if (part === undefined) return undefined
      created[key] = part
    }
    return created
  }

  if (operation === undefined) return { data, hasStatusChanged }
  return { data: patchObject([operation.selectionSet], data, undefined), hasStatusChanged }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
