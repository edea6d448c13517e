import type { ExecutionResult } from 'graphql'
import type { Batch, Payload } from './frames.ts'
import { type Outlet, type Sent, waitingLimit } from './outlet.ts'

const texts = new WeakMap<object, string>()
const cursors = new WeakMap<object, string>()

/** The result as JSON, when it was serialised already; undefined for every other result. */
export function serialisedOf(result: object): string | undefined {
  return texts.get(result)
}

/** The cursor of the event that a result reports; undefined when its source has none. */
export function cursorOf(result: object): string | undefined {
  return cursors.get(result)
}

/** Notes the cursor of the event that a result reports. */
export function setCursor(result: object, cursor: string | undefined): void {
  if (cursor !== undefined) cursors.set(result, cursor)
}

/** Payloads that are pulled by their reader, as results. */
export interface StreamOutlet {
  readonly outlet: Outlet
  /** The next result. Its `data` is parsed only when somebody looks at it; {@link serialisedOf} has its text. */
  next(): Promise<IteratorResult<ExecutionResult, undefined>>
  /** How much waits to be pulled. */
  unreadBytes(): number
  /** Nothing more will be written: completes, or fails, after what is waiting. */
  end(failure?: { readonly error: unknown }): void
}

/**
 * Creates the outlet of one event stream. Payloads wait as they are, shared with all other readers; beyond the limit of the
 * budget none is taken.
 *
 * @param options.budgetBytes - most that may wait, as for sockets
 * @param options.patienceMs - how long nothing may be pulled from a full stream before it is given up
 * @param options.sent - counts what is taken
 * @param options.giveUp - ends the stream so that its client resumes
 * @param options.onCaughtUp - called when everything that the log had when the stream began has been written
 */
export function createStreamOutlet(options: {
  readonly budgetBytes: number
  readonly patienceMs: number
  readonly sent: Sent
  readonly giveUp: () => void
  readonly onCaughtUp?: (() => void) | undefined
}): StreamOutlet {
  const limit = waitingLimit(options.budgetBytes)
  const queue: Payload[] = []
  let queuedBytes = 0
  let over: { readonly failure: { readonly error: unknown } | undefined } | undefined
  let pulled:
    | { resolve(result: IteratorResult<ExecutionResult, undefined>): void; reject(error: unknown): void }
    | undefined
  let waiting: (() => void)[] = []
  let timer: NodeJS.Timeout | undefined

  const toResult = ({ text, cursor }: Payload): ExecutionResult => {
    let parsed: ExecutionResult | undefined
    const read = (): ExecutionResult => {
      parsed ??= JSON.parse(text) as ExecutionResult
      return parsed
    }
    const result = {
      get data() {
        return read().data
      },
    } as ExecutionResult
    texts.set(result, text)
    setCursor(result, cursor)
    return result
  }
  const settle = (): void => {
    if (pulled === undefined) return
    const payload = queue.shift()
    if (payload === undefined && over === undefined) return
    const { resolve, reject } = pulled
    pulled = undefined
    if (payload !== undefined) {
      queuedBytes -= payload.bytes
      resolve({ done: false, value: toResult(payload) })
      if (queue.length > 0 || waiting.length === 0) return
      clearTimeout(timer)
      const listeners = waiting
      waiting = []
      for (const listener of listeners) listener()
    } else if (over?.failure !== undefined) {
      const { error } = over.failure
      over = { failure: undefined }
      reject(error)
    } else resolve({ done: true, value: undefined })
  }

  return {
    outlet: {
      isFull: (bytes) => queue.length > 0 && queuedBytes + bytes > limit,
      write({ payloads, bytes }: Batch) {
        if (over !== undefined) return
        queue.push(...payloads)
        queuedBytes += bytes
        options.sent.payloads += payloads.length
        options.sent.bytes += bytes
        settle()
      },
      drained(listener) {
        if (queue.length === 0) return listener()
        if (waiting.push(listener) === 1) timer = setTimeout(options.giveUp, options.patienceMs).unref()
      },
      refine: (error) => error,
      caughtUp: () => options.onCaughtUp?.(),
      opened: () => undefined,
      closed: () => clearTimeout(timer),
    },
    next() {
      return new Promise((resolve, reject) => {
        pulled = { resolve, reject }
        settle()
      })
    },
    unreadBytes: () => queuedBytes,
    end(failure) {
      over ??= { failure }
      settle()
    },
  }
}
