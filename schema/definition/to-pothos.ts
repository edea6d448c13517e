import type { InputRef, OutputRef } from '@pothos/core'
import { type NamedType, typeOfTeam } from './graphql-type.ts'
import type { EnumShape, Field, GivenShape, ObjectShape, Shape, UnionShape } from './shape.ts'

/** Creates types of a Pothos builder from shapes, each name once. */
export interface PothosTypes {
  /** Returns the input object of a shape. @throws NameCollisionError */
  input(shape: ObjectShape): InputRef<unknown>
  /** Returns the object type of a shape. @throws NameCollisionError */
  output(shape: ObjectShape): OutputRef<unknown>
  /**
   * Returns the fields of a shape, for an object type that has others beside them.
   *
   * @param valuesOf - returns their values from the source of the type
   */
  outputFields<S>(t: object, shape: ObjectShape, valuesOf: (source: S) => Readonly<Record<string, unknown>>): FieldMap
}

/** The fields of a type, as Pothos expects them. */
type FieldMap = Record<string, never>

/** Two different types have one name. */
export class NameCollisionError extends TypeError {
  override readonly name = 'NameCollisionError'
}

/** The part of a Pothos builder that does not depend on the types of its schema. */
interface AnyBuilder {
  objectRef(name: string): { implement(options: object): OutputRef<unknown> }
  inputRef(name: string): { implement(options: object): InputRef<unknown> }
  enumType(name: string, options: object): OutputRef<unknown> & InputRef<unknown>
  unionType(name: string, options: object): OutputRef<unknown>
  scalarType(name: string, options: object): unknown
  readonly configStore: { hasConfig(ref: unknown): boolean; hasImplementation(name: string): boolean }
}

interface FieldBuilder {
  field(options: object): unknown
  listRef(type: unknown, options: object): unknown
}

/**
 * Creates the types of a builder.
 *
 * @param builder - a Pothos builder with the scalars `DateTime` and `JSON`
 */
export function createPothosTypes(builder: object): PothosTypes {
  const any = builder as AnyBuilder
  const made = new Map<string, { readonly signature: string; readonly ref: unknown }>()

  /** Returns the type of a name, which is created only once. */
  const once = <R>(name: string, signature: string, create: (register: (ref: R) => void) => R): R => {
    const existing = made.get(name)
    if (existing !== undefined) {
      if (existing.signature === signature) return existing.ref as R
      throw new NameCollisionError(
        `Two different types are called ${name}: name one of them with meta({ id: '…' }) in its zod schema`,
      )
    }
    const register = (ref: R): void => void made.set(name, { signature, ref })
    const ref = create(register)
    register(ref)
    return ref
  }
  /** Returns a type of the builder, or of a team whose schema will contain this one. */
  const givenType = (type: GivenShape['type']): unknown => {
    if (any.configStore.hasConfig(type)) return type
    const { name } = type as NamedType
    if (!any.configStore.hasImplementation(name))
      any.scalarType(name, {
        description: 'A type of the schema that contains this one.',
        extensions: typeOfTeam,
        serialize: (value: unknown) => value,
      })
    return name
  }
  const enumOf = (shape: EnumShape) =>
    once(shape.name, signatureOf(shape), () =>
      any.enumType(shape.name, {
        description: shape.description,
        values: Object.fromEntries([...shape.values].map(([name, value]) => [name, { value }])),
      }),
    )

  const inputType = (t: FieldBuilder, shape: Shape): unknown => {
    switch (shape.is) {
      case 'scalar':
        return shape.name
      case 'given':
        return givenType(shape.type)
      case 'enum':
        return enumOf(shape)
      case 'object':
        return inputObject(shape)
      case 'union':
        return oneOf(shape)
      case 'list':
        return t.listRef(inputType(t, shape.of), { required: !shape.isItemNullable })
    }
  }
  const inputField = (t: FieldBuilder, field: Field): unknown => {
    const { shape, isNullable, defaultValue } = field
    return t.field({
      type: inputType(t, shape),
      required: !isNullable && defaultValue === undefined,
      description: field.description,
      deprecationReason: field.deprecationReason,
      ...(defaultValue === undefined ? {} : { defaultValue }),
    })
  }
  const inputObject = (shape: ObjectShape): InputRef<unknown> =>
    once(shape.name, signatureOf(shape), (register) => {
      const ref = any.inputRef(shape.name)
      // A field may be of this type.
      register(ref as never)
      return ref.implement({
        description: shape.description,
        fields: (t: FieldBuilder) =>
          Object.fromEntries(shape.fields.map((field) => [field.name, inputField(t, field)])),
      })
    })
  const oneOf = (shape: UnionShape): InputRef<unknown> =>
    once(shape.name, signatureOf(shape), () =>
      any.inputRef(shape.name).implement({
        description: shape.description,
        isOneOf: true,
        fields: (t: FieldBuilder) =>
          Object.fromEntries(
            shape.members.map(({ fieldName, object }) => [
              fieldName,
              t.field({ type: inputObject(object), description: object.description }),
            ]),
          ),
      }),
    )

  const outputType = (t: FieldBuilder, shape: Shape): unknown => {
    switch (shape.is) {
      case 'scalar':
        return shape.name
      case 'given':
        return givenType(shape.type)
      case 'enum':
        return enumOf(shape)
      case 'object':
        return outputObject(shape)
      case 'union':
        return union(shape)
      case 'list':
        return t.listRef(outputType(t, shape.of), { nullable: shape.isItemNullable })
    }
  }
  const outputObject = (shape: ObjectShape): OutputRef<unknown> =>
    once(shape.name, signatureOf(shape), (register) => {
      const ref = any.objectRef(shape.name)
      register(ref as never)
      return ref.implement({
        description: shape.description,
        // Tells the types that follow from zod schemas from those of the team's own schema.
        extensions: { isDefined: true },
        fields: (t: FieldBuilder) => outputFields(t, shape, (source: Readonly<Record<string, unknown>>) => source),
      })
    })
  const outputFields: PothosTypes['outputFields'] = (t, shape, valuesOf) =>
    Object.fromEntries(
      shape.fields.map((field) => [
        field.name,
        (t as FieldBuilder).field({
          type: outputType(t as FieldBuilder, field.shape),
          nullable: field.isNullable,
          description: field.description,
          deprecationReason: field.deprecationReason,
          resolve: (source: never) => valuesOf(source)[field.name],
        }),
      ]),
    ) as FieldMap
  const union = (shape: UnionShape): OutputRef<unknown> =>
    once(shape.name, signatureOf(shape), () =>
      any.unionType(shape.name, {
        description: shape.description,
        types: shape.members.map(({ object }) => outputObject(object)),
        resolveType: (source: Readonly<Record<string, unknown>>) =>
          shape.members.find(({ value }) => value === source[shape.discriminator])?.object.name,
      }),
    )
  return { input: inputObject, output: outputObject, outputFields }
}

/** Returns a text that is equal for equal types. Types that refer to each other are compared by their names. */
function signatureOf(shape: EnumShape | ObjectShape | UnionShape): string {
  switch (shape.is) {
    case 'enum':
      return JSON.stringify(['enum', [...shape.values]])
    case 'union':
      return JSON.stringify([
        'union',
        shape.discriminator,
        shape.members.map(({ value, object }) => [value, object.name]),
      ])
    case 'object':
      return JSON.stringify([
        'object',
        shape.fields.map(({ name, shape: type, isNullable, defaultValue }) => [
          name,
          nameOf(type),
          isNullable,
          defaultValue ?? null,
        ]),
      ])
  }
}

function nameOf(shape: Shape): string {
  if (shape.is === 'list') return `[${nameOf(shape.of)}${shape.isItemNullable ? '' : '!'}]`
  return shape.is === 'given' ? 'given' : shape.name
}
