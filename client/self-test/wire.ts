import { createEventStreamParser } from '../index.ts'

/**
 * Observes the server's messages before the client drops duplicates and repairs gaps: within one
 * stream, every event of a log must arrive once and in order.
 */
export interface Wire {
  /** The number of events that have arrived. */
  readonly events: number
  /** The events that arrived twice, or not directly after their predecessor. */
  readonly faults: readonly string[]
  /** Reads one result. @param stream - one operation on one connection */
  read(stream: string, result: unknown): void
  /** Reads a message of a WebSocket. @param socket - its name */
  readMessage(socket: string, data: unknown): void
  /** Wraps the body of an event stream. */
  readBody(name: string, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>
  /** Breaks the open event streams as a network failure would. @returns how many there were */
  breakStreams(): number
}

interface EventLike {
  readonly __typename?: unknown
  readonly seq?: unknown
}

/** Creates the observer of one client. */
export function createWire(): Wire {
  const last = new Map<string, number>()
  const faults: string[] = []
  const bodies = new Set<TransformStreamDefaultController<Uint8Array>>()
  let events = 0

  const read = (stream: string, result: unknown): void => {
    const { data, extensions } = (result ?? {}) as {
      readonly data?: Readonly<Record<string, EventLike | null>> | null
      readonly extensions?: { readonly tidings?: { readonly kind?: unknown } }
    }
    for (const event of Object.values(data ?? {})) {
      if (typeof event?.seq !== 'number' || typeof event.__typename !== 'string') continue
      const { seq } = event
      const before = last.get(stream)
      last.set(stream, seq)
      // Snapshots and queue positions repeat a number, or start over.
      if (extensions?.tidings?.kind !== undefined) continue
      events += 1
      if (before !== undefined && seq !== before + 1) faults.push(`event ${seq} after event ${before}`)
    }
  }
  const readText = (stream: string, text: string): void => {
    try {
      const message = JSON.parse(text) as { readonly id?: unknown; readonly payload?: unknown } | null
      // A stream with several operations gives the operation id of each event.
      if (message?.payload !== undefined) read(`${stream} ${String(message.id)}`, message.payload)
      else read(stream, message)
    } catch {
      // Not JSON: the client reports that itself.
    }
  }
  return {
    get events() {
      return events
    },
    faults,
    read,
    readMessage(socket, data) {
      if (typeof data === 'string' && data.includes('"next"')) readText(socket, data)
    },
    readBody(name, body) {
      const parser = createEventStreamParser()
      const decoder = new TextDecoder()
      let controller: TransformStreamDefaultController<Uint8Array> | undefined
      const end = (): void => {
        if (controller !== undefined) bodies.delete(controller)
      }
      return body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          start(opened) {
            controller = opened
            bodies.add(opened)
          },
          transform(chunk) {
            for (const { type, data } of parser.push(decoder.decode(chunk, { stream: true })))
              if (type === 'next') readText(name, data)
            controller?.enqueue(chunk)
          },
          flush: end,
        }),
      )
    },
    breakStreams() {
      const open = [...bodies]
      bodies.clear()
      for (const controller of open) controller.error(new TypeError('cut by the self-test'))
      return open.length
    },
  }
}
