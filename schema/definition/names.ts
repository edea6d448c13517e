/** Names of GraphQL types, made of the kind of a task and the names in its zod schemas. */

const graphqlName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Whether GraphQL accepts a name; those that begin with `__` are its own. */
export function isGraphQLName(name: string): boolean {
  return graphqlName.test(name) && !name.startsWith('__')
}

/** Returns `ExportReport` for `EXPORT_REPORT`, and `PageCount` for `pageCount`. */
export function toPascalCase(name: string): string {
  const words = splitWords(name)
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()).join('')
}

/** Returns the name of an enum value: `IN_PROGRESS` for `inProgress`, `in-progress` and `in progress`. */
export function toEnumName(value: string): string {
  return splitWords(value).join('_').toUpperCase()
}

/** Returns the name of one entry of a list: `row` for `rows`, `entry` for `entries`; other names are unchanged. */
export function toSingular(name: string): string {
  if (name.endsWith('ies')) return `${name.slice(0, -3)}y`
  const isPlural = name.endsWith('s') && !/(?:ss|us|is)$/.test(name)
  return isPlural ? name.slice(0, -1) : name
}

function splitWords(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
}
