/** Tidings in the schema of a team that is made with Pothos. */
import SchemaBuilder, {
  BasePlugin,
  type FieldKind,
  type InputFieldMap,
  MutationFieldBuilder,
  type ObjectRef,
  RootFieldBuilder,
  type SchemaTypes,
  SubscriptionFieldBuilder,
} from '@pothos/core'
import type { GraphQLSchema } from 'graphql'
import type { TaskKind } from '../library/define-task.ts'
import type { AnyTopicKind } from '../library/define-topic.ts'
import { type FoundTask, findTask } from '../library/team-context.ts'
import type { TeamBuilder } from './adopt-schema.ts'
import { type AdoptedTidings, adoptTidings } from './adopt-tidings.ts'
import type { StartTaskOptions, TaskFieldOptions, TidingsPluginOptions, TopicSubscriptionOptions } from './options.ts'

export type {
  ReusableType,
  ReusedType,
  StartTaskOptions,
  TaskFieldOptions,
  TidingsPluginOptions,
  TopicSubscriptionOptions,
} from './options.ts'

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      tidings: TidingsPothosPlugin<Types>
    }
    interface SchemaBuilderOptions<Types extends SchemaTypes> {
      tidings?: TidingsPluginOptions<Types>
    }
    interface SchemaBuilder<Types extends SchemaTypes> {
      /**
       * Returns the ref of the type `Task`, to which the team adds fields: a resolver receives the task as `{ task }`, and the context
       * of the team. A subscription that selects such a field is executed for each of its subscribers.
       *
       * @example
       * builder.objectField(builder.taskRef(), 'invoice', (t) =>
       *   t.field({ type: Invoice, nullable: true, resolve: ({ task }, _, context) => context.invoiceOf(task.id) }),
       * )
       */
      taskRef(): ObjectRef<Types, FoundTask>
    }
    interface MutationFieldBuilder<Types extends SchemaTypes, ParentShape> {
      /**
       * Starts a task of a kind: the field has the argument `input` of the kind, and its result.
       *
       * @param definition - one of the kinds of the instance
       * @example
       * builder.mutationField('exportReport', (t) =>
       *   t.startTask(exportReport, { authorize: (_, { input }, context) => context.mayExport(input.reportId) }),
       * )
       */
      startTask<T extends TaskKind>(definition: T, options?: StartTaskOptions<Types, T>): FieldRef<Types, unknown>
    }
    interface SubscriptionFieldBuilder<Types extends SchemaTypes, ParentShape> {
      /**
       * Follows a topic: the field has the arguments `id`, `after` and `fromStart`, and its events.
       *
       * @param topic - one of the topics of the instance
       * @example
       * builder.subscriptionField('watchOrder', (t) =>
       *   t.topicSubscription(order, { authorize: ({ id }, context) => context.mayWatch(id) }),
       * )
       */
      topicSubscription(topic: AnyTopicKind, options?: TopicSubscriptionOptions<Types>): FieldRef<Types, unknown>
    }
    interface RootFieldBuilder<Types extends SchemaTypes, ParentShape, Kind extends FieldKind = FieldKind> {
      /**
       * A field with a task, such as the last export of a report; null when there is none that the viewer may see.
       *
       * @example
       * builder.objectField(Report, 'lastExport', (t) => t.taskField({ id: (report) => report.exportTaskId }))
       */
      taskField<Args extends InputFieldMap = Record<never, never>>(
        options: TaskFieldOptions<Types, ParentShape, Args>,
      ): FieldRef<Types, FoundTask | null, Kind>
    }
  }
}

/**
 * The name of the plugin, for the option `plugins` of a builder: write it last. The builder needs the option `tidings` as well.
 *
 * @example
 * const builder = new SchemaBuilder<{ Context: Context }>({ plugins: [TidingsPlugin], tidings: { instance: tidings } })
 */
export const TidingsPlugin = 'tidings' as const

const adoptions = new WeakMap<object, AdoptedTidings>()

function adoptionOf(builder: object): AdoptedTidings {
  const existing = adoptions.get(builder)
  if (existing !== undefined) return existing
  const teamBuilder = builder as TeamBuilder
  const { tidings: options } = teamBuilder.options
  if (options === undefined)
    throw new TypeError('The builder has TidingsPlugin, but no option `tidings: { instance }`: add it')
  const adoption = adoptTidings(teamBuilder, options)
  adoptions.set(builder, adoption)
  return adoption
}

/**
 * Adds the types and root fields of Tidings before a schema is built.
 * @example
 * const builder = new SchemaBuilder<{}>({ plugins: [TidingsPlugin], tidings: { instance: tidings } })
 * export type Plugin = TidingsPothosPlugin<PothosSchemaTypes.ExtendDefaultTypes<{}>>
 */
export class TidingsPothosPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override beforeBuild(): void {
    adoptionOf(this.builder).addRootFields()
  }

  override afterBuild(schema: GraphQLSchema): GraphQLSchema {
    adoptionOf(this.builder).check(schema)
    return schema
  }
}

SchemaBuilder.registerPlugin(TidingsPlugin, TidingsPothosPlugin)

const builders = SchemaBuilder.prototype as PothosSchemaTypes.SchemaBuilder<SchemaTypes>
builders.taskRef = function taskRef() {
  return adoptionOf(this).taskType() as ObjectRef<SchemaTypes, FoundTask>
}

const mutationFields = MutationFieldBuilder.prototype as PothosSchemaTypes.MutationFieldBuilder<SchemaTypes, unknown>
mutationFields.startTask = function startTask(definition, options = {}) {
  return adoptionOf(this.builder).startTask(this, definition, options as never)
}

const subscriptionFields = SubscriptionFieldBuilder.prototype as PothosSchemaTypes.SubscriptionFieldBuilder<
  SchemaTypes,
  unknown
>
subscriptionFields.topicSubscription = function topicSubscription(topic, options = {}) {
  return adoptionOf(this.builder).subscribeTopic(this, topic, options)
}

const rootFields = RootFieldBuilder.prototype as PothosSchemaTypes.RootFieldBuilder<SchemaTypes, unknown>
rootFields.taskField = function taskField({ id, ...options }) {
  return this.field({
    ...options,
    type: adoptionOf(this.builder).taskType(),
    nullable: true,
    resolve: async (parent: unknown, args: object, context: object) =>
      findTask(context, await id(parent as never, args as never, context)),
  } as never) as never
}
