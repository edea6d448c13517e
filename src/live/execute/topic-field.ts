import type { DocumentNode, GraphQLField, GraphQLSchema } from 'graphql'
import type { Position } from '../../log/cursor.ts'
import type { LogEvent } from '../../log/event.ts'
import type { FirstSnapshot, TopicUpdate } from '../../log/follow.ts'

/** How an event may be compacted for a slow subscriber. See {@link OpenedTopic.classOf}. */
type EventClass = 'latest' | 'append' | 'keep'

/**
 * Ephemeral events of a topic: inserted between the events of the log, with the seq of the
 * preceding event, and not stored in the log.
 */
export interface EphemeralSource<S> {
  /** Whether they are needed before any event of the topic has been received. */
  readonly isWanted: boolean
  /** Returns whether they are needed after an update. */
  readonly isWantedAfter: (update: TopicUpdate<S>) => boolean
  /**
   * Whether each remains valid until the next, regardless of later events, so that a new member
   * receives the latest. By default an event of the log invalidates it.
   */
  readonly isRetained?: boolean
  /** Calls `listener` with every ephemeral event until the returned function is called. */
  readonly watch: (listener: (event: unknown) => void) => () => void
  /**
   * Reads the ephemeral event that is valid now, for a subscriber that ends when it has caught up;
   * undefined if there is none.
   */
  readonly read: () => Promise<unknown>
  /**
   * Converts an ephemeral event, after the event with this seq, to a root value: see {@link
   * OpenedTopic.read}.
   */
  readonly toValue: (event: unknown, seq: number) => unknown
}

/** Watches a permission. See {@link Opening.guard}. */
export type Guard = (revoke: (error: Error) => void) => () => void

/** A topic as all subscribers of a group see it. */
export interface OpenedTopic<S> {
  readonly topic: string
  /**
   * Reads the complete current state; null if the subject does not exist. Concurrent calls should
   * share a query.
   */
  readonly snapshot: () => Promise<{ readonly seq: number; readonly state: S } | null>
  /** Returns whether an event is terminal. */
  readonly isLast: (event: LogEvent) => boolean
  /**
   * Returns the class of an event type: `latest` may be replaced by a newer event, `append` joined
   * with the next, `keep` must be delivered.
   */
  readonly classOf: (type: string) => EventClass
  /**
   * Joins two adjacent `append` events into one with the seq of the second; null if they cannot be
   * joined.
   */
  readonly join: (first: LogEvent, second: LogEvent) => LogEvent | null
  /**
   * Converts an event or a snapshot to a root value of the field's resolver, which must not depend on
   * the viewer.
   */
  readonly read: (update: TopicUpdate<S>) => unknown
  readonly ephemeral?: EphemeralSource<S> | undefined
}

/** What a shared subscription field opens for one subscriber. */
export interface Opening<S> {
  readonly topic: OpenedTopic<S>
  /**
   * Watches the permission of the viewer for whom the topic was opened, if it can be revoked: calls
   * `revoke` when it was revoked, until the returned function is called. That subscription then
   * fails with the error; others are not affected.
   */
  readonly guard?: Guard | undefined
  /** The state of the topic, if it was read to authorize the viewer. */
  readonly firstSnapshot?: FirstSnapshot<S> | undefined
}

/** The position from which to follow a topic. */
export interface StartingPoint {
  readonly after?: Position | undefined
  readonly fromStart?: boolean | undefined
}

/** The subscription of one subscriber, as it was sent. */
export interface SelectingOperation {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
  readonly variableValues: Readonly<Record<string, unknown>>
}

/**
 * The option of a subscription field that follows a topic: `extensions: { live: … }`.
 *
 * Events of such a field are executed once for all subscribers with the same selection on the same
 * topic, in a context without a viewer: a resolver that reads the viewer fails for all of them.
 * Operations that select a field declared as viewer-dependent with {@link dependOn} are executed
 * for each subscriber, in the context of its viewer.
 */
export interface TopicField<C = never, S = unknown> {
  /**
   * Arguments that only set the starting position. All other arguments, together with the document,
   * identify the group.
   */
  readonly startingArguments: readonly string[]
  /**
   * Reads the starting position on a topic.
   * @throws TidingsError `BAD_CURSOR`
   */
  readonly startOf: (args: Readonly<Record<string, unknown>>, topic: string) => StartingPoint
  /**
   * Resolves the topic for one viewer, whose context is given. A snapshot need not contain more than the operation selects.
   *
   * @throws TidingsError if the viewer has no permission to see it
   */
  readonly open: (
    args: Readonly<Record<string, unknown>>,
    context: C,
    operation: SelectingOperation,
  ) => Promise<Opening<S>>
}

/** Declares a field as shared. Spread the result into the field's options. */
export function declareTopicField<C, S>(field: TopicField<C, S>): { readonly extensions: { readonly live: unknown } } {
  return { extensions: { live: field } }
}

/** Returns the declaration of a field, or null if its executions are not shared. */
export function readTopicField(field: GraphQLField<unknown, unknown>): TopicField<unknown> | null {
  return (field.extensions['live'] as TopicField<unknown> | undefined) ?? null
}

/** A field, as far as {@link isOwnField} reads it. */
export type OwnableField = Pick<GraphQLField<unknown, unknown>, 'extensions'>

/** The extensions of the fields of Tidings in a schema that has others. */
export const ownField = { tidings: true } as const

/** Whether a field of a schema with the fields of a team is one of Tidings. */
export function isOwnField({ extensions }: OwnableField): boolean {
  return extensions['tidings'] === ownField.tidings
}

/**
 * The dependency of a field's value, besides its object: the viewer, or only whether the viewer's
 * token is scoped.
 */
export type Dependence = 'viewer' | 'limits'

/**
 * Declares the dependency of a field's value. Spread the result into the field's options.
 * Subscriptions that select the field are executed per viewer; with `limits`, only those of scoped
 * tokens are.
 */
export function dependOn(on: Dependence): { readonly extensions: { readonly dependsOn: Dependence } } {
  return { extensions: { dependsOn: on } }
}

/** Returns the declared dependency of a field; null if there is none. */
export function readDependence(field: OwnableField): Dependence | null {
  return (field.extensions['dependsOn'] as Dependence | undefined) ?? null
}
