/** Payloads that leave together, in order: each one `{"data":…}` as JSON. Serialised once, whoever reads them. */
export interface Batch {
  readonly payloads: readonly Buffer[]
  readonly bytes: number
  /** The same as WebSocket frames of graphql-ws's `next`, ready but for ids of this length (as JSON, with their quotes). */
  frames(stampLength: number): Frames
}

/** Frames in one buffer, with a gap for the id in each. */
export interface Frames {
  /** With this id in the gaps. The buffer is used again by the next call, unless {@link Frames.keep} was called in between. */
  stamp(id: Buffer): Buffer
  /** Somebody still holds on to the buffer: the next call takes a new one. */
  keep(): void
}

const opening = Buffer.from('{"id":')
const middle = Buffer.from(',"type":"next","payload":')
const closing = 0x7d

/** Puts payloads together. */
export function createBatch(payloads: readonly Buffer[]): Batch {
  let bytes = 0
  for (const payload of payloads) bytes += payload.length
  let made: { readonly stampLength: number; readonly frames: Frames }[] | undefined
  return {
    payloads,
    bytes,
    frames(stampLength) {
      const known = made?.find((one) => one.stampLength === stampLength)
      if (known !== undefined) return known.frames
      const frames = createFrames(payloads, stampLength)
      made ??= []
      made.push({ stampLength, frames })
      return frames
    },
  }
}

function createFrames(payloads: readonly Buffer[], stampLength: number): Frames {
  const envelope = opening.length + stampLength + middle.length + 1
  let total = 0
  for (const { length } of payloads) total += headerLength(envelope + length) + envelope + length
  let buffer = Buffer.allocUnsafeSlow(total)
  const gaps: number[] = []
  let at = 0
  for (const payload of payloads) {
    at = writeHeader(buffer, at, envelope + payload.length)
    at += opening.copy(buffer, at)
    gaps.push(at)
    at += stampLength
    at += middle.copy(buffer, at)
    at += payload.copy(buffer, at)
    buffer[at++] = closing
  }
  let isKept = false
  return {
    stamp(id) {
      if (isKept) buffer = Buffer.from(buffer)
      isKept = false
      for (const gap of gaps) buffer.set(id, gap)
      return buffer
    },
    keep() {
      isKept = true
    },
  }
}

/** Bytes before the payload of an unmasked frame (RFC 6455, 5.2). */
function headerLength(length: number): number {
  if (length < 126) return 2
  return length < 65_536 ? 4 : 10
}

/** Writes the header of a final text frame; returns where its payload begins. */
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
