import type { InputRef, OutputRef } from '@pothos/core'
import { z } from 'zod'

/** A type of a team's schema, by its name. */
export interface NamedType {
  readonly name: string
}

/** A type that a zod schema has in GraphQL: `JSON`, `ID`, `String`, or a type of a team's schema by its name or its ref in Pothos. */
export type GivenType = 'JSON' | 'ID' | 'String' | NamedType | InputRef<unknown> | OutputRef<unknown>

/** The extensions of the scalar that stands for a type of a team, in a schema without this type. */
export const typeOfTeam = { typeOfTeam: true } as const

/** The types given by {@link graphqlType}. */
export const givenTypes = z.registry<{ readonly type: GivenType }>()

/**
 * Gives a zod schema a type of GraphQL, instead of the one that follows from the schema.
 *
 * @param type - `ID`, `String`, `JSON`, or a type of a schema of yours: `{ name: 'Point' }`, or its ref in a Pothos builder
 * @returns a schema that accepts the same values
 * @example
 * z.object({ point: graphqlType(z.tuple([z.number(), z.number()]), { name: 'Point' }) })
 */
export function graphqlType<S extends z.ZodType>(schema: S, type: GivenType): S {
  const typed = schema.clone() as S
  givenTypes.add(typed, { type })
  return typed
}

/**
 * Makes a zod schema the scalar `JSON` in GraphQL: for records, tuples and values of any shape.
 *
 * @param schema - the schema of the values; any JSON value by default
 * @example
 * z.object({ totals: json(z.record(z.string(), z.number())) })
 */
export function json(): z.ZodUnknown
export function json<S extends z.ZodType>(schema: S): S
export function json(schema: z.ZodType = z.unknown()): z.ZodType {
  return graphqlType(schema, 'JSON')
}
