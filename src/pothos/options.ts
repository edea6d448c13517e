import type { FieldNullability, InputFieldMap, InputShapeFromFields, SchemaTypes, TypeParam } from '@pothos/core'
import type { z } from 'zod'
import type { Tidings } from '../library/create-tidings.ts'
import type { TaskKind } from '../library/define-task.ts'

/** The types of Tidings that a team may have already. */
export const reusableTypes = ['DateTime', 'Error', 'JSON', 'Node', 'PageInfo'] as const

/** The name of a type of Tidings that a team may have already. */
export type ReusableType = (typeof reusableTypes)[number]

/** A type of a team: its name, or a function that returns its ref. */
export type ReusedType<Types extends SchemaTypes> =
  | string
  | ((builder: PothosSchemaTypes.SchemaBuilder<Types>) => { readonly name: string })

/** The options of `TidingsPlugin` in those of the builder. */
export interface TidingsPluginOptions<Types extends SchemaTypes> {
  /** Opens nothing: a program that only prints the schema needs no database. */
  readonly instance: Pick<Tidings, 'schema'>
  /**
   * The types of the builder that are used instead of those of Tidings: by name, `{ DateTime: 'Date' }`, or by a function for a type
   * that a plugin adds when it is first used, `{ Node: (builder) => builder.nodeInterfaceRef() }`. With a `Node`, the field
   * `Query.node` is not added. Default none.
   */
  readonly types?: Readonly<Partial<Record<ReusableType, ReusedType<Types>>>>
  /**
   * The beginning of the names of all other types and root fields of Tidings: with `Tidings`, the type is `TidingsTask`, and the
   * subscription `tidingsTaskProgress`. The documents of `tidings/client` have the names without a prefix. Names of kinds and topics have none.
   * @default ''
   */
  readonly prefix?: string
}

/** The options of `t.startTask`, beside those of every mutation field. */
export type StartTaskOptions<Types extends SchemaTypes, T extends TaskKind> = Omit<
  PothosSchemaTypes.MutationFieldOptions<
    Types,
    TypeParam<Types>,
    FieldNullability<TypeParam<Types>>,
    InputFieldMap,
    unknown
  >,
  'args' | 'astNode' | 'extensions' | 'nullable' | 'type'
> & {
  /**
   * Whether the caller may start a task with an input, also by `retryTask`; asked beside the `authorize` of the kind. By default every
   * viewer may.
   */
  authorize?(
    root: Types['Root'],
    args: { readonly input: z.output<T['input']> },
    context: Types['Context'],
  ): boolean | Promise<boolean>
}

/** The options of `t.topicSubscription`, beside those of every subscription field. */
export type TopicSubscriptionOptions<Types extends SchemaTypes> = Omit<
  PothosSchemaTypes.SubscriptionFieldOptions<
    Types,
    TypeParam<Types>,
    FieldNullability<TypeParam<Types>>,
    InputFieldMap,
    unknown,
    unknown
  >,
  'args' | 'astNode' | 'extensions' | 'nullable' | 'subscribe' | 'type'
> & {
  /** Whether the caller may follow an object; asked beside the `authorize` of the topic. By default that one decides. */
  authorize?(args: { readonly id: string }, context: Types['Context']): boolean | Promise<boolean>
}

/** The options of `t.taskField`, beside those of every field. */
export type TaskFieldOptions<Types extends SchemaTypes, ParentShape, Args extends InputFieldMap> = Omit<
  PothosSchemaTypes.ObjectFieldOptions<
    Types,
    ParentShape,
    TypeParam<Types>,
    FieldNullability<TypeParam<Types>>,
    Args,
    unknown
  >,
  'astNode' | 'nullable' | 'type'
> & {
  /** Returns the id of the task; null or undefined when there is none. */
  id(
    parent: ParentShape,
    args: InputShapeFromFields<Args>,
    context: Types['Context'],
  ): string | null | undefined | Promise<string | null | undefined>
}
