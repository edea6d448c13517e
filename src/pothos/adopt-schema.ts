import type { FieldMap, FieldRef, SchemaTypes } from '@pothos/core'
import {
  defaultFieldResolver,
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
  type GraphQLSchema,
  type GraphQLUnionType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql'
import { isTypeOfTeam } from '../library/team-schema.ts'
import type { ReusedType } from './options.ts'

/** A builder of a team. */
export type TeamBuilder = PothosSchemaTypes.SchemaBuilder<SchemaTypes>

/** A field in a schema that is adopted. */
export type SourceField = GraphQLField<unknown, unknown>
type Resolve = NonNullable<SourceField['resolve']>

/** The options of {@link createAdoption}. */
export interface AdoptionOptions {
  /** The schema whose types are added. */
  readonly schema: GraphQLSchema
  /** Returns the name of a type in the schema of the team. */
  readonly nameOf: (name: string) => string
  /** The team's types that are used instead of types of the schema. */
  readonly reused: Readonly<Record<string, ReusedType<SchemaTypes> | undefined>>
  /** Called with the name of each type of the schema before it is added. @throws TypeError when the team has a type with its name */
  readonly checkName: (name: string) => void
}

/** Options of a field that replace those of the schema; extensions are added. */
export interface ReplacedOptions {
  readonly description?: string
  readonly resolve?: unknown
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** Adds types of a schema to the builder of a team, each when a field first needs it. */
export interface Adoption {
  /** Returns the type of the builder for a type of the schema. */
  typeOf(name: string): unknown
  /** Creates a field like one of the schema. @param options - replace those of the field */
  field(t: object, field: SourceField, options?: ReplacedOptions): FieldRef<SchemaTypes>
}

/** The part of a Pothos builder that does not depend on the types of its schema. */
interface AnyBuilder {
  objectRef(name: string): AnyRef
  interfaceRef(name: string): AnyRef
  inputRef(name: string): AnyRef
  enumType(name: string, options: object): unknown
  unionType(name: string, options: object): unknown
  scalarType(name: string, options: object): unknown
}
interface AnyRef {
  implement(options: object): unknown
}
interface AnyFieldBuilder {
  field(options: object): FieldRef<SchemaTypes>
  listRef(type: unknown, options: object): unknown
  readonly arg: AnyArgBuilder
}
interface AnyArgBuilder {
  (options: object): unknown
  listRef(type: unknown, options: object): unknown
}
interface AnyInputBuilder {
  field(options: object): unknown
  listRef(type: unknown, options: object): unknown
}

/**
 * Prepares the adoption of a schema that was built already: its types have all that the defaults of the team's builder would decide
 * otherwise, such as whether fields are nullable.
 */
export function createAdoption(teamBuilder: TeamBuilder, options: AdoptionOptions): Adoption {
  const { schema, nameOf, reused, checkName } = options
  const builder = teamBuilder as unknown as AnyBuilder
  const adopted = new Map<string, unknown>()

  const typeOf = (type: GraphQLNamedType): unknown => {
    const existing = adopted.get(type.name)
    if (existing !== undefined) return existing
    if (isScalarType(type) && isSpecifiedScalarType(type)) return type.name
    const reusedType = reused[type.name]
    if (reusedType !== undefined) {
      const ref = findReused(teamBuilder, type, reusedType)
      adopted.set(type.name, ref)
      return ref
    }
    if (isTypeOfTeam(type.extensions)) return findNamed(teamBuilder, type.name)
    checkName(type.name)
    if (isObjectType(type)) return addObject(type)
    if (isInterfaceType(type)) return addInterface(type)
    if (isInputObjectType(type)) return addInput(type)
    const ref = isUnionType(type) ? addUnion(type) : isEnumType(type) ? addEnum(type) : addScalar(type)
    adopted.set(type.name, ref)
    return ref
  }

  const addObject = (type: GraphQLObjectType): unknown => {
    const ref = builder.objectRef(nameOf(type.name))
    // A field may be of this type.
    adopted.set(type.name, ref)
    ref.implement({
      ...aboutOf(type),
      interfaces: type.getInterfaces().map(typeOf),
      fields: (t: AnyFieldBuilder) => fieldsOf(t, type),
    })
    return ref
  }
  const addInterface = (type: GraphQLInterfaceType): unknown => {
    const ref = builder.interfaceRef(nameOf(type.name))
    adopted.set(type.name, ref)
    ref.implement({
      ...aboutOf(type),
      resolveType: resolveTypeOf(type),
      fields: (t: AnyFieldBuilder) => fieldsOf(t, type),
    })
    // No field leads to them.
    for (const implementation of schema.getPossibleTypes(type)) typeOf(implementation)
    return ref
  }
  const addUnion = (type: GraphQLUnionType): unknown =>
    builder.unionType(nameOf(type.name), {
      ...aboutOf(type),
      types: type.getTypes().map(typeOf),
      resolveType: resolveTypeOf(type),
    })
  const addEnum = (type: GraphQLEnumType): unknown =>
    builder.enumType(nameOf(type.name), {
      ...aboutOf(type),
      values: Object.fromEntries(
        type
          .getValues()
          .map(({ name, value, description, deprecationReason }) => [
            name,
            { value: value as unknown, description: description ?? undefined, deprecationReason },
          ]),
      ),
    })
  const addScalar = (type: GraphQLScalarType): unknown => {
    const { serialize, parseValue, parseLiteral, specifiedByURL } = type
    return builder.scalarType(nameOf(type.name), {
      ...aboutOf(type),
      serialize,
      parseValue,
      parseLiteral,
      ...(specifiedByURL ? { specifiedByURL } : {}),
    })
  }
  const addInput = (type: GraphQLInputObjectType): unknown => {
    const ref = builder.inputRef(nameOf(type.name))
    adopted.set(type.name, ref)
    ref.implement({
      ...aboutOf(type),
      isOneOf: type.isOneOf,
      fields: (t: AnyInputBuilder) =>
        mapValues(type.getFields(), (field) => t.field({ ...aboutOf(field), ...inputOf(t, field) })),
    })
    return ref
  }

  const resolveTypeOf =
    (type: GraphQLInterfaceType | GraphQLUnionType) =>
    (source: unknown, context: unknown, info: GraphQLResolveInfo): unknown => {
      const name = type.resolveType?.(source, context, info, type)
      return typeof name === 'string' ? nameOf(name) : name
    }
  const outputOf = (t: AnyFieldBuilder, type: GraphQLOutputType): unknown => {
    const nullable = getNullableType(type)
    if (!isListType(nullable)) return typeOf(nullable as GraphQLNamedType)
    const item = nullable.ofType as GraphQLOutputType
    return t.listRef(outputOf(t, item), { nullable: !isNonNullType(item) })
  }
  const inputTypeOf = (t: Pick<AnyInputBuilder, 'listRef'>, type: GraphQLInputType): unknown => {
    const nullable = getNullableType(type)
    if (!isListType(nullable)) return typeOf(nullable as GraphQLNamedType)
    const item = nullable.ofType as GraphQLInputType
    return t.listRef(inputTypeOf(t, item), { required: isNonNullType(item) })
  }
  const inputOf = (
    t: Pick<AnyInputBuilder, 'listRef'>,
    { type, defaultValue }: GraphQLArgument | GraphQLInputField,
  ) => ({
    type: inputTypeOf(t, type),
    required: isNonNullType(type),
    ...(defaultValue === undefined ? {} : { defaultValue: defaultValue as unknown }),
  })
  const fieldOf = (t: AnyFieldBuilder, field: SourceField, replaced: ReplacedOptions = {}) => {
    const about = aboutOf(field)
    const isSharedDate = reused['DateTime'] !== undefined && getNamedType(field.type).name === 'DateTime'
    return t.field({
      ...about,
      type: outputOf(t, field.type),
      nullable: !isNonNullType(field.type),
      args: Object.fromEntries(field.args.map((arg) => [arg.name, t.arg({ ...aboutOf(arg), ...inputOf(t.arg, arg) })])),
      ...(field.subscribe === undefined ? {} : { subscribe: field.subscribe }),
      resolve: isSharedDate ? resolveDate(field) : field.resolve,
      ...replaced,
      extensions: { ...about.extensions, ...replaced.extensions },
    })
  }
  const fieldsOf = (t: AnyFieldBuilder, type: GraphQLObjectType | GraphQLInterfaceType): FieldMap =>
    mapValues(type.getFields(), (field) => fieldOf(t, field))

  return {
    typeOf(name) {
      const type = schema.getType(name)
      if (type === undefined) throw new TypeError(`The schema of Tidings has no type ${name}`)
      return typeOf(type)
    },
    field: (t, field, replaced) => fieldOf(t as AnyFieldBuilder, field, replaced),
  }
}

/** The description and the extensions of a type, a field or an argument. */
function aboutOf(part: {
  readonly description: string | null | undefined
  readonly deprecationReason?: string | null | undefined
  readonly extensions: Readonly<Record<string, unknown>>
}): { readonly extensions: Readonly<Record<string, unknown>> } {
  const { description, deprecationReason, extensions } = part
  return {
    ...(description ? { description } : {}),
    ...(deprecationReason ? { deprecationReason } : {}),
    // Those of Pothos describe the builder of the schema.
    extensions: Object.fromEntries(Object.entries(extensions).filter(([name]) => !name.startsWith('pothos'))),
  }
}

/** The scalar of a team reads dates, while the fields of Tidings also return them as they are stored: as ISO strings. */
function resolveDate({ resolve = defaultFieldResolver }: SourceField): Resolve {
  const toDate = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(toDate)
    return typeof value === 'string' ? new Date(value) : value
  }
  return (source, args, context, info) => {
    const value = resolve(source, args, context, info) as unknown
    return value instanceof Promise ? value.then(toDate) : toDate(value)
  }
}

/** Returns a type that `graphqlType` names. */
function findNamed(builder: TeamBuilder, name: string): unknown {
  if (builder.configStore.hasImplementation(name)) return name
  throw new TypeError(`graphqlType names the type ${name}, and the builder has no such type: add it before toSchema`)
}

function findReused(builder: TeamBuilder, { name }: GraphQLNamedType, reused: ReusedType<SchemaTypes>): unknown {
  if (typeof reused === 'function') return reused(builder)
  if (builder.configStore.hasImplementation(reused)) return reused
  throw new TypeError(
    `tidings.types.${name} is ${JSON.stringify(reused)}, and the builder has no such type: add it before toSchema, and write TidingsPlugin after the plugin that adds it`,
  )
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}
