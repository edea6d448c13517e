import { type GraphQLField, type GraphQLSchema, isInterfaceType, isObjectType } from 'graphql'
import { addCoreTypes } from '../../schema/core-types.ts'
import { typeOfTeam } from '../../schema/definition/graphql-type.ts'
import { createBuilder } from '../../schema/kit/builder.ts'
import { addDefinedKinds } from '../../schema/task/defined-kinds.ts'
import { addDefinedTopics } from '../../schema/topic/defined-topics.ts'
import { TidingsError } from '../errors.ts'
import { ownContextOf } from '../live/execute/own-context.ts'
import { declareTopicField, ownField, readTopicField } from '../live/execute/topic-field.ts'
import type { HandlerServices, TaskKind } from './define-task.ts'
import type { AnyTopicKind } from './define-topic.ts'

/** What the schema of a team is made of. */
export interface TeamKinds {
  readonly tasks: readonly TaskKind[]
  readonly topics?: readonly AnyTopicKind[] | undefined
  /** Passed to the functions that read the state of a topic. */
  readonly context?: HandlerServices | undefined
}

/**
 * Creates the schema of kinds of tasks and topics. Its fields can be merged into the schema of a team: their resolvers find the context of
 * Tidings in the one of the team, and live delivery knows them from the fields of the team.
 *
 * @throws TypeError when the kinds do not fit GraphQL or each other
 */
export function createTeamSchema({ tasks, topics = [], context = {} }: TeamKinds): GraphQLSchema {
  const builder = createBuilder()
  const core = addCoreTypes(builder)
  addDefinedKinds(core, tasks)
  addDefinedTopics(
    core,
    topics.map((topic) => ({
      ...topic,
      authorize: (viewer, id) => topic.authorize(viewer, id),
      read: topic.read && ((id, client) => topic.read?.(id, { client, context }) ?? Promise.resolve(null)),
    })),
  )
  const schema = builder.toSchema({ sortSchema: false })
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || !(isObjectType(type) || isInterfaceType(type))) continue
    for (const field of Object.values(type.getFields())) adaptField(field)
  }
  return schema
}

function adaptField(field: GraphQLField<unknown, unknown>): void {
  const { resolve } = field
  const topic = readTopicField(field)
  // Without those of Pothos, which describe its builder.
  const { pothosOptions: _options, pothosConfig: _config, ...extensions } = field.extensions as Record<string, unknown>
  field.extensions = {
    ...extensions,
    ...ownField,
    ...(topic === null
      ? {}
      : declareTopicField({
          ...topic,
          open: (args, context, operation) => topic.open(args, ownContextOf(context), operation),
        }).extensions),
  }
  if (resolve === undefined) return
  const resolveWithOwnContext: typeof resolve = (source, args, context, info) =>
    resolve(source, args, ownContextOf(context), info)
  field.resolve = resolveWithOwnContext
}

/**
 * Checks that the schema of Tidings can be served on its own.
 * @throws TidingsError `BAD_CONFIGURATION` for a type that only the schema of a team has
 */
export function checkOwnSchema(schema: GraphQLSchema): void {
  const type = Object.values(schema.getTypeMap()).find(({ extensions }) => isTypeOfTeam(extensions))
  if (type === undefined) return
  throw new TidingsError(
    'BAD_CONFIGURATION',
    `graphqlType names the type ${type.name} of a schema of yours: serve that schema, with TidingsPlugin of "tidings/pothos" in its builder`,
  )
}

/** Whether a type stands for one of the same name in the schema of a team. */
export function isTypeOfTeam(extensions: Readonly<Record<string, unknown>>): boolean {
  return extensions['typeOfTeam'] === typeOfTeam.typeOfTeam
}

/**
 * Checks that a schema of a team has the subscriptions of Tidings with all that executes them.
 * @throws TidingsError `BAD_CONFIGURATION`
 */
export function checkTeamSchema(schema: GraphQLSchema): void {
  const fields = Object.values(schema.getSubscriptionType()?.getFields() ?? {})
  if (fields.some((field) => readTopicField(field) !== null)) return
  throw new TidingsError(
    'BAD_CONFIGURATION',
    'The schema has no subscription of Tidings: add TidingsPlugin of "tidings/pothos" to its builder, or merge tidings.schema with mergeSchemas of "@graphql-tools/schema"',
  )
}
