import type { Shape } from './shape.ts'

/**
 * Converts the value of an argument to the value that the zod schema of a shape reads, as JSON: dates become strings,
 * an input object with `@oneOf` becomes the member of a union, and a null for a property that may be
 * missing is left out.
 */
export function toInputValue(shape: Shape, value: unknown): unknown {
  if (value === null || value === undefined) return value
  switch (shape.is) {
    case 'scalar':
      return value instanceof Date ? value.toISOString() : value
    case 'list':
      return (value as readonly unknown[]).map((item) => toInputValue(shape.of, item))
    case 'union': {
      const fields = value as Readonly<Record<string, unknown>>
      const member = shape.members.find(
        ({ fieldName }) => fields[fieldName] !== undefined && fields[fieldName] !== null,
      )
      if (member === undefined) throw new TypeError(`${shape.name}: no field is set`)
      return {
        [shape.discriminator]: member.value,
        ...(toInputValue(member.object, fields[member.fieldName]) as object),
      }
    }
    case 'object': {
      const fields = value as Readonly<Record<string, unknown>>
      const entries = shape.fields.flatMap(({ name, shape: type, acceptsNull }) => {
        const own = fields[name]
        if (own === undefined || (own === null && !acceptsNull)) return []
        return [[name, toInputValue(type, own)] as const]
      })
      return Object.fromEntries(entries)
    }
    case 'enum':
    case 'given':
      return value
  }
}
