import type { ExecutionResult } from 'graphql'
import type { Payload, PayloadBatch } from './frames.ts'
import { type Sent, type Sink, waitingLimit } from './sink.ts'

const texts = new WeakMap<object, string>()
const cursors = new WeakMap<object, string>()

/** Returns the JSON of a result that was already serialized; undefined for any other result. */
export function serialisedOf(result: object): string | undefined {
  return texts.get(result)
}

/** Returns the cursor of the event in a result; undefined if its source has none. */
export function cursorOf(result: object): string | undefined {
  return cursors.get(result)
}

/** Attaches the cursor of the event to a result. */
export function setCursor(result: object, cursor: string | undefined): void {
  if (cursor !== undefined) cursors.set(result, cursor)
}

/** A sink whose payloads are pulled by the consumer as results. */
interface StreamSink {
  readonly sink: Sink
  /**
   * Returns the next result. Its `data` is only parsed on access; {@link serialisedOf} returns its
   * text.
   */
  next(): Promise<IteratorResult<ExecutionResult, undefined>>
  /** Number of bytes waiting to be pulled. */
  unreadBytes(): number
  /** Ends the stream: completes, or fails, after the buffered payloads. */
  end(failure?: { readonly error: unknown }): void
}

/**
 * Creates the sink of one event stream. Buffers the payload objects, which all subscribers share;
 * refuses payloads beyond the limit of the budget.
 *
 * @param options.budgetBytes - maximum number of buffered bytes, as for sockets
 * @param options.patienceMs - how long a full stream may go without a pull before it is closed
 * @param options.sent - counts the payloads accepted
 * @param options.giveUp - ends the stream so that its client resumes
 * @param options.onCaughtUp - called when everything that the log had when the stream started has
 * been written
 */
export function createStreamSink(options: {
  readonly budgetBytes: number
  readonly patienceMs: number
  readonly sent: Sent
  readonly giveUp: () => void
  readonly onCaughtUp?: (() => void) | undefined
}): StreamSink {
  const limit = waitingLimit(options.budgetBytes)
  const queue: Payload[] = []
  let queuedBytes = 0
  let over: { readonly failure: { readonly error: unknown } | undefined } | undefined
  let pull:
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
    if (pull === undefined) return
    const payload = queue.shift()
    if (payload === undefined && over === undefined) return
    const { resolve, reject } = pull
    pull = undefined
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
    sink: {
      isFull: (bytes) => queue.length > 0 && queuedBytes + bytes > limit,
      write({ payloads, bytes }: PayloadBatch) {
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
        pull = { resolve, reject }
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
