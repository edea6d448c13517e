import { z } from 'zod'
import { type GivenType, givenTypes } from './graphql-type.ts'
import { isGraphQLName, toEnumName, toPascalCase, toSingular } from './names.ts'

/**
 * The type of GraphQL that a zod schema is mapped to, as an author of a GraphQL schema would write
 * it. `toPothos` makes types of a builder from it.
 */
export type Shape = ScalarShape | GivenShape | EnumShape | ObjectShape | UnionShape | ListShape

/** A scalar. */
export interface ScalarShape {
  readonly is: 'scalar'
  readonly name: 'String' | 'Int' | 'Float' | 'Boolean' | 'ID' | 'DateTime' | 'JSON'
}
/** A type that was given with `graphqlType`. */
export interface GivenShape {
  readonly is: 'given'
  readonly type: Exclude<GivenType, string>
}
/** An enum. */
export interface EnumShape {
  readonly is: 'enum'
  readonly name: string
  readonly description: string | undefined
  /** The values of zod by their names in GraphQL. */
  readonly values: ReadonlyMap<string, string | number>
}
/** An object type or an input object. */
export interface ObjectShape {
  readonly is: 'object'
  readonly name: string
  readonly description: string | undefined
  /** Filled after the object was created, as a field may be of the same type. */
  readonly fields: readonly Field[]
}
/** A discriminated union: a union of object types, or an input object of which exactly one field is set (`@oneOf`). */
export interface UnionShape {
  readonly is: 'union'
  readonly name: string
  readonly description: string | undefined
  /** The name of the property of zod that tells the members apart. It is no field in GraphQL. */
  readonly discriminator: string
  readonly members: readonly UnionMember[]
}
/** A member of a union. */
export interface UnionMember {
  /** The value of the discriminator. */
  readonly value: string
  /** The name of the field in an input object. */
  readonly fieldName: string
  readonly object: ObjectShape
}
/** A list. */
export interface ListShape {
  readonly is: 'list'
  readonly of: Shape
  readonly isItemNullable: boolean
}
/** A field of an object. */
export interface Field {
  readonly name: string
  readonly shape: Shape
  readonly isNullable: boolean
  /** Whether zod accepts null, and not only a missing property. */
  readonly acceptsNull: boolean
  readonly description: string | undefined
  readonly deprecationReason: string | undefined
  /** The default of an input field; undefined when it has none. */
  readonly defaultValue: unknown
}

/** Options of {@link readShape}. */
export interface ShapeOptions {
  /** The name of the object type, such as `ExportReportInput`. */
  readonly name: string
  /** The beginning of the names of all other types, such as `ExportReport`. */
  readonly prefix: string
  readonly io: 'input' | 'output'
  /** What the schema is, for errors: `input of EXPORT_REPORT`. */
  readonly subject: string
}

/** A zod schema that has no type in GraphQL. The message names the path and the ways out. */
export class UnsupportedSchemaError extends TypeError {
  override readonly name = 'UnsupportedSchemaError'
}

/** The part of JSON Schema that zod writes, with the remarks of {@link annotate}. */
interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly (string | number)[]
  readonly format?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema | boolean
  readonly prefixItems?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly id?: string
  readonly title?: string
  readonly description?: string
  readonly deprecated?: boolean
  readonly deprecationReason?: string
  readonly default?: unknown
  /** The type of the zod schema. */
  readonly zod?: string
  /** The number of a type that was given with `graphqlType`. */
  readonly given?: number
  readonly entries?: Readonly<Record<string, string | number>>
  readonly discriminator?: string
}

/** A place in a schema. */
interface Place {
  /** For errors: `rows[].cells`. */
  readonly path: string
  /** The names that lead to it, for the name of its type. */
  readonly names: readonly string[]
  /** The name of the property; undefined for the root. */
  readonly property: string | undefined
}

/**
 * Returns the type of GraphQL of a zod object: null when it has no fields, as GraphQL has no empty
 * objects.
 *
 * - `string`, `boolean`, `number` → `String`, `Boolean`, `Float`; integers → `Int` (32 bits); properties called `id`,
 *   `…Id` and `…Ids` → `ID`; `z.iso.datetime()` and dates → `DateTime`
 * - `enum` → an enum with names in upper case; `object` → an object type or input object; `array` → a list
 * - `nullable`, `optional` → nullable; `default` → a default value of the input field
 * - `discriminatedUnion` → a union, or an input object with `@oneOf`
 * - `describe` → the description; `meta({ id })` → the name of the type; `meta({ deprecationReason })` → `@deprecated`
 *
 * @throws UnsupportedSchemaError for types without an equivalent, such as records and tuples
 */
export function readShape(schema: z.ZodType, options: ShapeOptions): ObjectShape | null {
  return new ShapeReader(options).readRoot(schema)
}

const nullable = (schema: JsonSchema): boolean =>
  schema.type === 'null' ||
  (Array.isArray(schema.type) && schema.type.includes('null')) ||
  (schema.anyOf?.some(nullable) ?? false)

/** What stays of a schema whose type was given. */
const kept = new Set(['description', 'deprecated', 'deprecationReason'])

class ShapeReader {
  readonly #options: ShapeOptions
  readonly #given: Exclude<GivenType, string>[] = []
  readonly #byRef = new Map<string, ObjectShape>()
  #root: JsonSchema = {}

  constructor(options: ShapeOptions) {
    this.#options = options
  }

  readRoot(schema: z.ZodType): ObjectShape | null {
    const place = { path: '', names: [], property: undefined }
    this.#root = z.toJSONSchema(schema, {
      io: this.#options.io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => this.#annotate(zodSchema, jsonSchema),
    }) as JsonSchema
    const root = this.#follow(this.#root)
    if (root.properties === undefined) this.#refuse(place, root, 'has to be an object')
    if (Object.keys(root.properties).length === 0) return null
    return this.#readObject(root, place, '#')
  }

  /** Notes what JSON Schema does not say. */
  #annotate(schema: z.core.$ZodTypes, target: object): void {
    const { def } = schema._zod
    const given = givenTypes.get(schema as unknown as z.ZodType)
    if (given !== undefined) {
      for (const key of Object.keys(target)) if (!kept.has(key)) Reflect.deleteProperty(target, key)
      const { type } = given
      Object.assign(target, { given: typeof type === 'string' ? type : this.#given.push(type) - 1 })
      return
    }
    if (def.type === 'date') Object.assign(target, { type: 'string', format: 'date-time' })
    if (def.type === 'enum') Object.assign(target, { entries: def.entries })
    if (def.type === 'union' && 'discriminator' in def) Object.assign(target, { discriminator: def.discriminator })
    if (!('zod' in target)) Object.assign(target, { zod: def.type })
  }

  /** Returns the schema that a reference points to, with the remarks beside the reference. */
  #follow(schema: JsonSchema): JsonSchema {
    const { $ref, ...own } = schema
    if ($ref === undefined) return schema
    const name = $ref.slice('#/$defs/'.length)
    const target = $ref === '#' ? this.#root : this.#root.$defs?.[name]
    // Those without an id of their own have names such as `__schema0`.
    if ($ref !== '#' && !name.startsWith('__')) return { ...target, id: name, ...own }
    return { ...target, ...own }
  }

  #read(schema: JsonSchema, place: Place): Shape {
    const whole = this.#follow(schema)
    const { given, entries, discriminator, $ref } = { ...whole, $ref: schema.$ref }
    if (typeof given === 'number') return { is: 'given', type: this.#given[given] as Exclude<GivenType, string> }
    if (given !== undefined) return { is: 'scalar', name: given }
    const members = (whole.anyOf ?? []).filter((member) => member.type !== 'null')
    // Nullable.
    if (members.length === 1 && members[0] !== undefined)
      return this.#read(
        { ...members[0], ...(whole.description === undefined ? {} : { description: whole.description }) },
        place,
      )
    if (entries !== undefined) return this.#readEnum(whole, entries, place)
    if (discriminator !== undefined) return this.#readUnion(whole, discriminator, place)
    if (whole.allOf !== undefined) this.#refuse(place, whole, 'is an intersection; use .extend()')
    if (whole.anyOf !== undefined || whole.oneOf !== undefined)
      this.#refuse(place, whole, 'is a union without a discriminator; use z.discriminatedUnion()')
    const types = [whole.type ?? []].flat().filter((type) => type !== 'null')
    if (types.length !== 1) this.#refuse(place, whole)
    const [type = ''] = types
    switch (type) {
      case 'boolean':
        return { is: 'scalar', name: 'Boolean' }
      case 'integer':
        return { is: 'scalar', name: 'Int' }
      case 'number':
        return { is: 'scalar', name: 'Float' }
      case 'string':
        return this.#readString(whole, place)
      case 'array':
        return this.#readList(whole, place)
      case 'object':
        if (whole.properties === undefined) return this.#refuse(place, whole)
        if (Object.keys(whole.properties).length === 0) return this.#refuse(place, whole, 'has no fields')
        return this.#readObject(whole, place, $ref)
      default:
        return this.#refuse(place, whole)
    }
  }

  #readString(schema: JsonSchema, place: Place): Shape {
    if (typeof schema.const === 'string') return this.#readEnum(schema, { [schema.const]: schema.const }, place)
    // An enum that zod made of literals.
    if (schema.enum !== undefined)
      return this.#readEnum(schema, Object.fromEntries(schema.enum.map((value) => [String(value), value])), place)
    if (schema.format === 'date-time') return { is: 'scalar', name: 'DateTime' }
    const isId = place.property !== undefined && /(?:^id|Ids?)$/.test(place.property)
    return { is: 'scalar', name: isId ? 'ID' : 'String' }
  }

  #readList(schema: JsonSchema, place: Place): Shape {
    const { items, prefixItems } = schema
    if (prefixItems !== undefined || typeof items !== 'object') return this.#refuse(place, schema)
    const names = place.names.map((name, index) => (index === place.names.length - 1 ? toSingular(name) : name))
    const of = this.#read(items, { ...place, path: `${place.path}[]`, names })
    return { is: 'list', of, isItemNullable: nullable(this.#follow(items)) }
  }

  #readEnum(schema: JsonSchema, entries: Readonly<Record<string, string | number>>, place: Place): Shape {
    const values = new Map<string, string | number>()
    for (const [key, value] of Object.entries(entries)) {
      const name = toEnumName(key)
      if (!isGraphQLName(name))
        this.#refuse(
          place,
          schema,
          `has the value ${JSON.stringify(key)}, which is no name in GraphQL; use z.enum({ NAME: ${JSON.stringify(key)} })`,
        )
      if (values.has(name))
        this.#refuse(place, schema, `has two values with the name ${name}; use z.enum({ NAME: value, … })`)
      values.set(name, value)
    }
    return { is: 'enum', name: this.#nameOf(schema, place, ''), description: schema.description, values }
  }

  #readUnion(schema: JsonSchema, discriminator: string, place: Place): Shape {
    const isInput = this.#options.io === 'input'
    const members = (schema.oneOf ?? schema.anyOf ?? []).map((member): UnionMember => {
      const whole = this.#follow(member)
      const { [discriminator]: tag, ...properties } = whole.properties ?? {}
      const value = tag?.const
      if (typeof value !== 'string')
        return this.#refuse(place, schema, `needs one string literal as "${discriminator}" in each member`)
      if (Object.keys(properties).length === 0)
        return this.#refuse(place, schema, `has a member "${value}" without further fields, which GraphQL cannot have`)
      const fieldName = toFieldName(value)
      const names = [...place.names, value]
      const object = this.#readObject(
        { ...whole, properties },
        { path: `${place.path}(${value})`, names, property: undefined },
        member.$ref,
      )
      return { value, fieldName, object }
    })
    const name = this.#nameOf(schema, place, isInput ? 'Input' : '')
    return { is: 'union', name, description: schema.description, discriminator, members }
  }

  #readObject(schema: JsonSchema, place: Place, ref: string | undefined): ObjectShape {
    const existing = ref === undefined ? undefined : this.#byRef.get(ref)
    if (existing !== undefined) return existing
    const fields: Field[] = []
    const name =
      ref === '#' ? this.#options.name : this.#nameOf(schema, place, this.#options.io === 'input' ? 'Input' : '')
    const object: ObjectShape = { is: 'object', name, description: schema.description, fields }
    if (ref !== undefined) this.#byRef.set(ref, object)
    for (const [property, own] of Object.entries(schema.properties ?? {})) {
      const path = place.path === '' ? property : `${place.path}.${property}`
      const inner = { path, names: [...place.names, property], property }
      if (!isGraphQLName(property)) this.#refuse(inner, own, 'is no name in GraphQL')
      const whole = this.#follow(own)
      const isOptional = !(schema.required ?? []).includes(property)
      fields.push({
        name: property,
        shape: this.#read(own, inner),
        isNullable: isOptional || nullable(whole),
        acceptsNull: nullable(whole),
        // That of a type with a name belongs to the type alone.
        description: own.description,
        deprecationReason: own.deprecationReason ?? (own.deprecated === true ? 'No longer supported.' : undefined),
        defaultValue: this.#options.io === 'input' ? whole.default : undefined,
      })
    }
    return object
  }

  #nameOf(schema: JsonSchema, { names }: Place, suffix: string): string {
    return schema.id ?? `${this.#options.prefix}${names.map(toPascalCase).join('')}${suffix}`
  }

  #refuse(place: Place, schema: JsonSchema, problem?: string): never {
    const at = place.path === '' ? 'It' : `"${place.path}"`
    const text =
      problem ??
      `is of the type "${schema.zod ?? 'unknown'}", which GraphQL has no equivalent for: give it a type of your schema with graphqlType(schema, type), or make it JSON with json(schema)`
    throw new UnsupportedSchemaError(`The ${this.#options.subject} has no type in GraphQL: ${at} ${text}`)
  }
}

function toFieldName(value: string): string {
  const name = toPascalCase(value)
  return name.charAt(0).toLowerCase() + name.slice(1)
}
