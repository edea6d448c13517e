import type { InputRef, OutputRef } from '@pothos/core'
import { z } from 'zod'

/** A type that a zod schema has in GraphQL: `JSON`, `ID`, or a type of a Pothos builder. */
export type GivenType = 'JSON' | 'ID' | 'String' | InputRef<unknown> | OutputRef<unknown>

/** The types given by {@link graphqlType}. */
export const givenTypes = z.registry<{ readonly type: GivenType }>()

/**
 * Gives a zod schema a type of GraphQL, instead of the one that follows from the schema.
 *
 * @param type - `ID`, `String`, `JSON`, or the ref of a type of the builder
 * @returns a schema that accepts the same values
 * @example
 * z.object({ point: graphqlType(z.tuple([z.number(), z.number()]), pointRef) })
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
