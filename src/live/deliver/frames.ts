/**
 * The information about a payload that a client needs besides its data: `extensions.tidings` in
 * docs/protocol.md.
 */
export interface Marks {
  /** Set for payloads outside the log, which repeat the cursor of the event before them. */
  readonly kind?: 'snapshot' | 'ephemeral'
  /** Nothing follows in this topic. */
  readonly last?: true
  /** The payload replaces all events after this seq: they were compacted for a slow subscriber. */
  readonly follows?: number
}

/**
 * An event or snapshot as sent to all members of a group: `{"data":…}` as JSON, with its marks as
 * extensions. Serialized once, for any number of subscribers.
 */
export interface Payload {
  readonly text: string
  readonly marks: Marks | undefined
  /** Size in UTF-8. */
  readonly bytes: number
  /** The cursor of the event, if its source has one. */
  readonly cursor?: string | undefined
}

/** Payloads that are sent together, in order. */
export interface PayloadBatch {
  readonly payloads: readonly Payload[]
  readonly bytes: number
  /**
   * Returns the payloads as WebSocket frames of graphql-ws `next` messages, complete except for
   * operation ids of this length (as JSON, with quotes).
   */
  frames(idLength: number): Frames
}

/** Frames in one buffer, each with a gap for the operation id. */
interface Frames {
  /**
   * Returns the frames with this id in their gaps. The next call reuses the buffer unless
   * {@link Frames.keep} was called in between.
   */
  withId(id: Buffer): Buffer
  /** Marks the buffer as still in use: the next call allocates a new one. */
  keep(): void
}

/** Creates a payload and measures its size. @param result - the result as JSON, without extensions */
export function createPayload(
  result: string,
  { cursor, marks }: { cursor?: string | undefined; marks?: Marks | undefined } = {},
): Payload {
  const text = marks === undefined ? result : `${result.slice(0, -1)}${formatMarks(marks)}`
  return { text, bytes: Buffer.byteLength(text), cursor, marks }
}

/** Adds marks to those of a payload. */
export function addMarks({ text, cursor, marks }: Payload, newMarks: Marks): Payload {
  const result = marks === undefined ? text : `${text.slice(0, -formatMarks(marks).length)}}`
  return createPayload(result, { cursor, marks: { ...marks, ...newMarks } })
}

function formatMarks(marks: Marks): string {
  return `,"extensions":{"tidings":${JSON.stringify(marks)}}}`
}

/** Returns the cursor of the source value of an event; undefined if it has none. */
export function cursorOfSource(source: unknown): string | undefined {
  const { cursor } = (typeof source === 'object' && source !== null ? source : {}) as { readonly cursor?: unknown }
  return typeof cursor === 'string' ? cursor : undefined
}

/** Combines payloads into a batch. */
export function createPayloadBatch(payloads: readonly Payload[]): PayloadBatch {
  return new FramedBatch(payloads)
}

/**
 * A class rather than a closure, as are its frames: one of each is created for every event of every
 * group.
 */
class FramedBatch implements PayloadBatch {
  readonly payloads: readonly Payload[]
  readonly bytes: number
  /** Nearly always one element. */
  #frames: readonly BufferedFrames[] = noFrames

  constructor(payloads: readonly Payload[]) {
    this.payloads = payloads
    let sum = 0
    for (const { bytes } of payloads) sum += bytes
    this.bytes = sum
  }

  frames(idLength: number): Frames {
    for (const frames of this.#frames) if (frames.idLength === idLength) return frames
    const frames = new BufferedFrames(this.payloads, idLength)
    this.#frames = this.#frames === noFrames ? [frames] : [...this.#frames, frames]
    return frames
  }
}

const opening = '{"id":'
const middle = ',"type":"next","payload":'
const closing = '}'
const envelopeBytes = opening.length + middle.length + closing.length

class BufferedFrames implements Frames {
  readonly idLength: number
  #buffer: Buffer
  readonly #gaps: number[] = []
  #isKept = false

  constructor(payloads: readonly Payload[], idLength: number) {
    this.idLength = idLength
    const envelope = envelopeBytes + idLength
    let total = 0
    for (const { bytes } of payloads) total += headerLength(envelope + bytes) + envelope + bytes
    const buffer = Buffer.allocUnsafe(total)
    const start = `${opening}${' '.repeat(idLength)}${middle}`
    let at = 0
    for (const { text, bytes } of payloads) {
      at = writeHeader(buffer, at, envelope + bytes)
      this.#gaps.push(at + opening.length)
      at += buffer.write(`${start}${text}${closing}`, at)
    }
    this.#buffer = buffer
  }

  withId(id: Buffer): Buffer {
    if (this.#isKept) this.#buffer = Buffer.from(this.#buffer)
    this.#isKept = false
    for (const gap of this.#gaps) this.#buffer.set(id, gap)
    return this.#buffer
  }

  keep(): void {
    this.#isKept = true
  }
}

const noFrames: readonly BufferedFrames[] = []

/** Returns the number of bytes before the payload of an unmasked frame (RFC 6455, section 5.2). */
function headerLength(length: number): number {
  if (length < 126) return 2
  return length < 65_536 ? 4 : 10
}

/** Writes the header of a final text frame; returns the offset of its payload. */
function writeHeader(buffer: Buffer, at: number, length: number): number {
  buffer[at] = 0x81
  if (length < 126) {
    buffer[at + 1] = length
    return at + 2
  }
  if (length < 65_536) {
    buffer[at + 1] = 126
    return buffer.writeUInt16BE(length, at + 2)
  }
  buffer[at + 1] = 127
  buffer.writeUInt32BE(0, at + 2)
  return buffer.writeUInt32BE(length, at + 6)
}
