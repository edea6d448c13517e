/** The schema of the engine's tables and functions: the one that statements name, and the default of `DATABASE_SCHEMA`. */
export const engineSchema = 'tidings'

/** `tidings` as the name of a schema: before a dot, or after the keyword. */
const schemaName = /\btidings(?=\.)|(?<=\bschema )tidings\b/g

/**
 * Returns a statement with another schema of the engine. Statements name `tidings.task` and the like, also within functions, names
 * of locks and channels of notifications, so that this is the only place that another schema concerns.
 *
 * @param schema - needs no quotes: {@link isSchemaName}
 */
export function nameSchema(statement: string, schema: string): string {
  return schema === engineSchema ? statement : statement.replaceAll(schemaName, schema)
}

/** Whether a text can be the name of a schema, unless it is a keyword of SQL, which PostgreSQL reports. */
export function isSchemaName(text: string): boolean {
  return /^[a-z_][a-z0-9_]{0,39}$/.test(text) && !text.startsWith('pg_')
}
