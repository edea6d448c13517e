import type { DocumentNode, FragmentDefinitionNode, SelectionSetNode } from 'graphql'

/**
 * Returns the known value of an object's field, by its schema names; undefined when none is known.
 * `type` is undefined where the result does not contain the type name.
 */
export type FindField = (type: string | undefined, id: string, field: string) => unknown

/** The data of a result after known values were applied. */
interface PatchedData {
  /** The same object when nothing has changed. */
  readonly data: Readonly<Record<string, unknown>>
  /** Whether the status of an object has changed: its other fields may then be outdated too. */
  readonly hasStatusChanged: boolean
}

type Fields = Readonly<Record<string, unknown>>

/** A field of a result, with all selection sets that apply to it. */
interface Selected {
  readonly name: string
  readonly sets: SelectionSetNode[]
}

/**
 * Replaces fields of the objects in a result by values known to be newer. Objects are identified by
 * their `id`, and by `__typename` where it was selected. Unchanged parts keep their identity.
 *
 * @param query - the document of the result, used to resolve aliases
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
        // One key may map to different fields only on different object types, so a condition on an
        // interface may match.
        const condition = fragment.typeCondition?.name.value
        const isOther =
          type !== undefined && condition !== undefined && condition !== type && objectTypes.has(condition)
        if (!isOther) collect([fragment.selectionSet], type, into)
      }
    return into
  }
  /** @param knownFields - known fields of this object; the others are looked up */
  const patchObject = (sets: readonly SelectionSetNode[], object: Fields, knownFields: Fields | undefined): Fields => {
    const { __typename: type } = object
    const selected = collect(sets, type)
    const idKey = [...selected].find(([, { name }]) => name === 'id')?.[0]
    const id = idKey === undefined ? undefined : object[idKey]
    let patchedObject: Record<string, unknown> | undefined
    for (const [key, field] of selected) {
      const value = object[key]
      if (value === undefined) continue
      const { name } = field
      const otherValue =
        typeof id === 'string' ? find(typeof type === 'string' ? type : undefined, id, name) : undefined
      const newer = knownFields !== undefined && name in knownFields ? knownFields[name] : otherValue
      const next = newer === undefined ? patchValue(field.sets, value) : replace(field.sets, value, newer)
      if (next === value) continue
      if (name === 'status') hasStatusChanged = true
      patchedObject ??= { ...object }
      patchedObject[key] = next
    }
    return patchedObject ?? object
  }
  const patchValue = (sets: readonly SelectionSetNode[], value: unknown): unknown => {
    if (!Array.isArray(value)) return isFields(value) ? patchObject(sets, value, undefined) : value
    const patchedList = value.map((part) => patchValue(sets, part))
    return patchedList.some((part, index) => part !== value[index]) ? patchedList : value
  }
  const replace = (sets: readonly SelectionSetNode[], value: unknown, newer: unknown): unknown => {
    if (!isFields(newer)) return newer
    if (isFields(value)) return patchObject(sets, value, newer)
    return create(sets, newer) ?? value
  }
  /**
   * Builds the selected fields of an object that the result does not contain; undefined unless all
   * of them are known.
   */
  const create = (sets: readonly SelectionSetNode[], fields: Fields): Fields | undefined => {
    const result: Record<string, unknown> = {}
    for (const [key, { name, sets: inner }] of collect(sets, fields['__typename'])) {
      const value = fields[name]
      const part = isFields(value) ? create(inner, value) : value
      if (part === undefined) return undefined
      result[key] = part
    }
    return result
  }

  if (operation === undefined) return { data, hasStatusChanged }
  return { data: patchObject([operation.selectionSet], data, undefined), hasStatusChanged }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
