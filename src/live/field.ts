import type { GraphQLField } from 'graphql'
import type { LogEvent } from '../log/event.ts'
import type { Followed } from '../log/follow.ts'

/** What may be done to an event for a reader who is too slow. See {@link SharedTopic.classOf}. */
export type EventClass = 'latest' | 'append' | 'keep'

/** A report of a passing state: laid between the events, repeating the seq of the one before it, and not in the log. */
export interface PassingReports<S> {
  /** Whether they are wanted when nothing has been seen of the topic yet. */
  readonly isWanted: boolean
  /** Whether they are wanted after this. */
  readonly isWantedAfter: (followed: Followed<S>) => boolean
  /** Each holds until the next, whatever events follow: whoever joins is told the last one. By default an event outdates it. */
  readonly isStanding?: boolean
  /** Calls `tell` with every report until the returned function is called. */
  readonly watch: (tell: (report: unknown) => void) => () => void
}

/** See {@link SharedTopic.guard}. */
export type Guard = (revoke: (error: Error) => void) => () => void

/** What a shared subscription field tells of the topic that one subscriber asks for. */
export interface SharedTopic<S> {
  readonly topic: string
  /** The whole present state; null when there is no such subject. What is asked for in the same moment should share a query. */
  readonly snapshot: () => Promise<{ readonly seq: number; readonly state: S } | null>
  /** Whether nothing can follow this event. */
  readonly isLast: (event: LogEvent) => boolean
  /** `latest` may be replaced by a newer one, `append` joined with what follows it, `keep` must be delivered. */
  readonly classOf: (type: string) => EventClass
  /** Two neighbouring `append` events as one, with the seq of the second; null when they do not belong together. */
  readonly join: (first: LogEvent, second: LogEvent) => LogEvent | null
  /**
   * Makes what turns events, snapshots and passing reports into the value that the field's resolver is given. It is handed
   * them in order; nothing in the value may depend on who watches.
   */
  readonly createReader: () => {
    readonly read: (followed: Followed<S>) => unknown
    readonly readPassing: (report: unknown, seq: number) => unknown
  }
  readonly passing?: PassingReports<S>
  /**
   * Of the viewer on whose behalf the topic was opened, where leave to see it can be taken back: calls `revoke` when it was, until the
   * returned function is called. That subscription fails then, with the error, and none beside it.
   */
  readonly guard?: Guard | undefined
}

/** From where somebody wants to follow. */
export interface StartingPoint {
  readonly after?: string | undefined
  readonly fromStart?: boolean | undefined
}

/**
 * The option of a subscription field that declares its executions to be shared: `extensions: { live: … }`.
 *
 * Events of such a field are executed once for everybody who asks the same of the same topic, in a context that has no
 * viewer: a resolver that asks for the viewer fails, for whomever. Operations that select a field which {@link dependOn declares}
 * to ask are not shared.
 */
export interface SharedField<C = never, S = unknown> {
  /** Arguments that only say from where to follow. All others, together with the document, say what is shared. */
  readonly startingArguments: readonly string[]
  readonly startOf: (args: Readonly<Record<string, unknown>>) => StartingPoint
  /**
   * Finds the topic, on behalf of one viewer, whose context this is.
   * @throws TidingsError when this viewer may not see it
   */
  readonly open: (args: Readonly<Record<string, unknown>>, context: C) => Promise<SharedTopic<S>>
}

/** Declares a field as shared: to be spread into its options. */
export function shareExecution<C, S>(field: SharedField<C, S>): { readonly extensions: { readonly live: unknown } } {
  return { extensions: { live: field } }
}

/** The declaration of a field, or null when its executions are not shared. */
export function readSharedField(field: GraphQLField<unknown, unknown>): SharedField<unknown> | null {
  return (field.extensions['live'] as SharedField<unknown> | undefined) ?? null
}

/** What the value of a field depends on beside its object: who asks, or only whether that one's token is limited. */
export type Dependence = 'viewer' | 'limits'

/**
 * Declares what the value of a field depends on: to be spread into its options. Subscriptions that select the field are executed for
 * each viewer alone; where it depends on `limits`, only those of limited tokens are.
 */
export function dependOn(on: Dependence): { readonly extensions: { readonly dependsOn: Dependence } } {
  return { extensions: { dependsOn: on } }
}

/** What a field declares to depend on; null for nothing. */
export function readDependence(field: Pick<GraphQLField<unknown, unknown>, 'extensions'>): Dependence | null {
  return (field.extensions['dependsOn'] as Dependence | undefined) ?? null
}
