import type { FieldMap, FieldRef, SchemaTypes } from '@pothos/core'
import { type GraphQLObjectType, type GraphQLSchema, isInterfaceType } from 'graphql'
import type { MayStart } from '../../schema/kit/context.ts'
import { refuseAsMissing } from '../../schema/kit/failure.ts'
import { definedTopic } from '../../schema/topic/defined-topics.ts'
import type { TaskKind } from '../library/define-task.ts'
import type { AnyTopicKind } from '../library/define-topic.ts'
import { createTeamSchema } from '../library/team-schema.ts'
import { ownContextOf } from '../live/execute/own-context.ts'
import { declareTopicField, readTopicField } from '../live/execute/topic-field.ts'
import { createAdoption, type SourceField, type TeamBuilder } from './adopt-schema.ts'
import {
  reusableTypes,
  type StartTaskOptions,
  type TidingsPluginOptions,
  type TopicSubscriptionOptions,
} from './options.ts'

/** Tidings in the builder of a team. */
export interface AdoptedTidings {
  /** Adds the root fields, once. */
  addRootFields(): void
  /** See `t.startTask`. */
  startTask(t: object, definition: TaskKind, options: StartTaskOptions<SchemaTypes, TaskKind>): FieldRef<SchemaTypes>
  /** See `t.topicSubscription`. */
  subscribeTopic(t: object, topic: AnyTopicKind, options: TopicSubscriptionOptions<SchemaTypes>): FieldRef<SchemaTypes>
  /** Returns the type `Task`. */
  taskType(): unknown
  /**
   * Checks the types that the team shares with Tidings in the schema that was built.
   * @throws TypeError
   */
  check(schema: GraphQLSchema): void
}

/** Whether the caller of an operation may start a task of a kind; see `StartTaskOptions.authorize`. */
type Authorize = (root: object, input: unknown, context: object) => Promise<boolean>

/** Unions that exist only with members. */
const unionsOfKinds = ['TaskErrorDetails', 'TaskResult']
const usePrefix = "give those of Tidings a prefix: `tidings: { prefix: 'Tidings' }`"

/** Prepares the types of Tidings for the builder of a team. */
export function adoptTidings(
  builder: TeamBuilder,
  { instance: { schema }, types: reused = {}, prefix = '' }: TidingsPluginOptions<SchemaTypes>,
): AdoptedTidings {
  const coreNames = new Set([...Object.keys(createTeamSchema({ tasks: [] }).getTypeMap()), ...unionsOfKinds])
  const nameOf = (name: string): string => (coreNames.has(name) ? `${prefix}${name}` : name)
  const fieldNameOf = (name: string): string =>
    prefix === '' ? name : `${lowerFirst(prefix)}${name.charAt(0).toUpperCase()}${name.slice(1)}`
  const refuse = (what: string, firstWayOut: string, secondWayOut = usePrefix): never => {
    throw new TypeError(`Tidings adds ${what}, and the builder has one already: ${firstWayOut}, or ${secondWayOut}`)
  }
  const adoption = createAdoption(builder, {
    schema,
    nameOf,
    reused,
    checkName(name) {
      const teamName = nameOf(name)
      if (!builder.configStore.hasImplementation(teamName)) return
      const what = `the type ${teamName}`
      if (reusableTypes.some((reusable) => reusable === name))
        refuse(what, `use yours: \`tidings: { types: { ${name}: '${teamName}' } }\``)
      if (coreNames.has(name)) refuse(what, 'rename yours')
      refuse(what, 'rename yours', 'rename the kind')
    },
  })
  /** The functions of `t.startTask` by kind. */
  const authorizations = new Map<string, Authorize[]>()

  /** Wraps the resolver of a mutation that starts a task: its viewer also needs the permission of the team. */
  const askingTeam = (field: SourceField, authorizationsOf: (kind: string) => readonly Authorize[]): object => ({
    resolve: (root: object, args: object, context: object, info: never) => {
      const mayStart: MayStart = async (kind, input) => {
        const asked = authorizationsOf(kind)
        for (const authorize of asked) if (await authorize(root, input, context)) return true
        return asked.length === 0
      }
      return field.resolve?.(root, args, { ...ownContextOf(context), mayStart }, info)
    },
  })

  const rootFieldsOf = (t: object, type: GraphQLObjectType | null | undefined, teamType: string): FieldMap => {
    const entries = Object.values(type?.getFields() ?? {})
      .filter(({ name, extensions }) => !isOfKind(extensions) && !(name === 'node' && 'Node' in reused))
      .map((field) => {
        const name = fieldNameOf(field.name)
        if (builder.configStore.getFields(teamType).has(name)) refuse(`the field ${teamType}.${name}`, 'rename yours')
        const options = field.name === 'retryTask' ? askingTeam(field, (kind) => authorizations.get(kind) ?? []) : {}
        return [name, adoption.field(t, field, options)] as const
      })
    return Object.fromEntries(entries)
  }

  let isAdded = false
  return {
    addRootFields() {
      if (isAdded) return
      isAdded = true
      // Before fields are made: a plugin may add root fields with its type, which Pothos would take twice in the midst of them.
      for (const name of Object.keys(reused)) adoption.typeOf(name)
      const { configStore, queryRef, mutationRef, subscriptionRef } = builder as unknown as RootRefs
      const [query, mutation, subscription] = [
        schema.getQueryType(),
        schema.getMutationType(),
        schema.getSubscriptionType(),
      ]
      if (!configStore.hasConfig(queryRef)) builder.queryType(describe(query))
      if (!configStore.hasConfig(mutationRef)) builder.mutationType(describe(mutation))
      if (!configStore.hasConfig(subscriptionRef)) builder.subscriptionType(describe(subscription))
      builder.queryFields((t) => rootFieldsOf(t, query, queryRef.name))
      builder.mutationFields((t) => rootFieldsOf(t, mutation, mutationRef.name))
      builder.subscriptionFields((t) => rootFieldsOf(t, subscription, subscriptionRef.name))
    },
    startTask(t, definition, { authorize, ...options }) {
      const { kind } = definition
      const field = Object.values(schema.getMutationType()?.getFields() ?? {}).find(
        ({ extensions }) => extensions['kind'] === kind,
      )
      if (field === undefined)
        throw new TypeError(`The kind ${kind} is not among the tasks of the instance: add it to those of createTidings`)
      const ask: Authorize = async (root, input, context) => {
        const parsed = definition.input.safeParse(input)
        // An input that does not fit is refused by the start, with all its problems.
        return !parsed.success || (await authorize?.(root, { input: parsed.data }, context)) !== false
      }
      authorizations.set(kind, [...(authorizations.get(kind) ?? []), ask])
      return adoption.field(t, field, { ...options, ...askingTeam(field, () => [ask]) })
    },
    subscribeTopic(t, { name }, { authorize, ...options }) {
      const field = schema.getSubscriptionType()?.getFields()[`${name}Updates`]
      const topic = field && isOfKind(field.extensions) ? readTopicField(field) : null
      if (field === undefined || topic === null)
        throw new TypeError(
          `The topic ${name} is not among the topics of the instance: add it to those of createTidings`,
        )
      const asking: typeof topic = {
        ...topic,
        async open(args, context, operation) {
          const id = String(args['id'])
          if ((await authorize?.({ id }, context as object)) === false) refuseAsMissing(name, id)
          return topic.open(args, context, operation)
        },
      }
      return adoption.field(t, field, { ...options, ...declareTopicField(asking) })
    },
    taskType: () => adoption.typeOf('Task'),
    check(built) {
      for (const name of Object.keys(reused)) {
        const type = adoption.typeOf(name)
        const reusedName = typeof type === 'string' ? type : (type as { readonly name: string }).name
        const [own, theirs] = [schema.getType(name), built.getType(reusedName)]
        if (!isInterfaceType(own) || !isInterfaceType(theirs)) continue
        const unknown = Object.keys(theirs.getFields()).filter((field) => !(field in own.getFields()))
        if (unknown.length > 0)
          throw new TypeError(
            `The interface ${reusedName} has the field "${unknown[0]}", which the types of Tidings do not have: remove it from tidings.types, and rename one of the two or use a prefix`,
          )
      }
    },
  }
}

interface RootRef {
  readonly name: string
}

/** The members of a builder that its type does not show. */
interface RootRefs {
  readonly configStore: { hasConfig(ref: unknown): boolean }
  readonly queryRef: RootRef
  readonly mutationRef: RootRef
  readonly subscriptionRef: RootRef
}

function describe(type: GraphQLObjectType | null | undefined): { readonly description?: string } {
  return type?.description ? { description: type.description } : {}
}

/** Whether a root field belongs to a kind of task or topic: the team adds it with a name of its own. */
function isOfKind(extensions: Readonly<Record<string, unknown>>): boolean {
  return extensions['kind'] !== undefined || extensions[definedTopic] !== undefined
}

function lowerFirst(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`
}
