import { pause } from '../subscribers/subscriber.ts'
import type { Random } from './random.ts'
import { describeErrors, isRetryable, type Recorder, type SubscriptionResult } from './recorder.ts'

/** A mutation of the load. */
export interface MutationRequest {
  /** The name in the history: `start`, `cancel`, `message` … */
  readonly name: string
  /** The idempotency key; the same for every repetition. */
  readonly key: string
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** The result object of a mutation: `__typename` and what its query selects. */
export type MutationResult = Readonly<Record<string, unknown>> & { readonly __typename: string }

/** Sends mutations as a careful client does: repeated with the same key until a server answers. */
export interface Requests {
  /**
   * Sends a mutation.
   *
   * @param idOf - returns the id of the affected object, from a success
   * @returns the result object; undefined when no server answered in time, or one refused it
   */
  mutate(
    request: MutationRequest,
    idOf?: (result: MutationResult) => string | undefined,
  ): Promise<MutationResult | undefined>
}

const mayConflict: ReadonlySet<string> = new Set(['cancel', 'close'])
const timeoutMs = 8_000
const patienceMs = 90_000

/** Creates the sender. @param urls - base addresses of the servers, behind the proxies */
export function createRequests(urls: readonly string[], recorder: Recorder, random: Random): Requests {
  let lastFailure = ''
  const send = async ({ query, variables }: MutationRequest): Promise<SubscriptionResult | undefined> => {
    try {
      const response = await fetch(`${random.pick(urls)}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      const result = (await response.json()) as SubscriptionResult
      // A server that refuses work for a time has not begun with it.
      if (!response.headers.has('retry-after')) return result
      lastFailure = describeErrors(result.errors)
      return undefined
    } catch (error) {
      lastFailure = String((error as Error).cause ?? error)
      return undefined
    }
  }
  return {
    async mutate(request, idOf = () => undefined) {
      const { name, key } = request
      const deadline = performance.now() + patienceMs
      const note = (outcome: 'acknowledged' | 'refused' | 'unknown', more: { id?: string; error?: string } = {}) =>
        recorder.add({ is: 'mutated', at: performance.now(), name, key, outcome, ...more })
      while (performance.now() < deadline) {
        const answer = await send(request)
        const [result] = Object.values((answer?.data ?? {}) as Record<string, MutationResult | null>)
        if (answer !== undefined && result !== undefined && result !== null) {
          const id = idOf(result)
          if (result.__typename.endsWith('Success')) note('acknowledged', id === undefined ? {} : { id })
          // It may have been deleted by the same request, whose response was lost.
          else if (name === 'delete' || name === 'remove') note('unknown', { error: result.__typename })
          // A task may have ended before it is canceled.
          else if (!mayConflict.has(name))
            note('refused', { error: `${result.__typename}: ${String(result['message'])}` })
          return result
        }
        if (answer?.errors !== undefined && !isRetryable(answer.errors)) {
          note('refused', { error: describeErrors(answer.errors) })
          return undefined
        }
        if (answer?.errors !== undefined) lastFailure = describeErrors(answer.errors)
        await pause(random.integer(50, 400))
      }
      note('unknown', { error: lastFailure })
      return undefined
    },
  }
}
