import {
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import { leafType, listOf, printFields } from './typescript.ts'

/** The selection of all fields of a type. */
interface Selection {
  /** Such as `{ url pages }`; empty for scalars and enums. */
  readonly text: string
  /** The type of the selected data in TypeScript. */
  readonly type: string
}

/** How often a type may occur on the path to a field: a type that contains itself is selected to this level. */
const maxRepeats = 3

/**
 * Selects all fields of an output type, to any level. Of types that were given with `graphqlType` only the scalars and enums are
 * selected, as such a type may lead to the whole schema of a team.
 *
 * @param outer - the names of the types that lead to this one
 */
export function selectAll(type: GraphQLOutputType, schema: GraphQLSchema, outer: readonly string[] = []): Selection {
  const { text, type: own } = selectPresent(getNullableType(type), schema, outer)
  return { text, type: isNonNullType(type) ? own : `${own} | null` }
}

/** Selects all fields of a type whose value is not null. */
export function selectPresent(type: GraphQLOutputType, schema: GraphQLSchema, outer: readonly string[]): Selection {
  if (isListType(type)) {
    const { text, type: item } = selectAll(type.ofType, schema, outer)
    return { text, type: listOf(item) }
  }
  if (isLeafType(type)) return { text: '', type: leafType(type) }
  if (isAbstractType(type)) {
    const members = schema.getPossibleTypes(type).map((member) => {
      const { text, type: own } = selectPresent(member, schema, [...outer, type.name])
      return { text: `... on ${member.name} ${text}`, type: own }
    })
    return {
      text: `{ __typename ${members.map(({ text }) => text).join(' ')} }`,
      type: members.map((member) => member.type).join(' | '),
    }
  }
  return isObjectType(type) ? selectObject(type, schema, [...outer, type.name]) : { text: '', type: 'unknown' }
}

function selectObject(type: GraphQLObjectType, schema: GraphQLSchema, path: readonly string[]): Selection {
  const isFollowed = (inner: string): boolean =>
    type.extensions['isDefined'] === true && path.filter((name) => name === inner).length < maxRepeats
  const fields = Object.values(type.getFields())
    .filter(({ args }) => !args.some(isRequiredArgument))
    .filter(({ type: inner }) => isLeafType(getNamedType(inner)) || isFollowed(getNamedType(inner).name))
    .map((field) => ({ ...field, selected: selectAll(field.type, schema, path) }))
  const texts = fields.map(({ name, selected }) => `${name} ${selected.text}`.trim())
  return {
    text: `{ ${texts.length === 0 ? '__typename' : texts.join(' ')} }`,
    type: printFields([
      // The client adds it to every selection.
      { name: '__typename', type: `'${type.name}'` },
      ...fields.map(({ name, description, deprecationReason, selected }) => ({
        name,
        description,
        deprecationReason,
        type: selected.type,
      })),
    ]),
  }
}
