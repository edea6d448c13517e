import { storableText } from './storable.ts'

/** Text of one stream, and where in it this piece begins, in UTF-16 units. */
export interface OutputPiece {
  readonly stream: string
  readonly offset: number
  readonly text: string
}

/** The text that an attempt streams, on its way to the log. */
export interface OutputBuffer {
  /** Takes a piece; cutting a text anywhere, even within a character, changes nothing. */
  add(stream: string, text: string): void
  /** Hands out what has come since the last time, one piece a stream; at the end also what was held back. */
  take(isEnd: boolean): readonly OutputPiece[]
  /** UTF-16 units that wait. */
  readonly length: number
}

/**
 * Creates the buffer of one attempt. Pieces of a stream are concatenated whatever other streams say in between: the log
 * promises the order within a stream only.
 */
export function createOutputBuffer(): OutputBuffer {
  interface Stream {
    /** UTF-16 units handed out. */
    offset: number
    text: string
    /** The first half of a surrogate pair whose second half is yet to come. */
    half: string
  }
  const streams = new Map<string, Stream>()
  const waiting = new Set<string>()
  let length = 0
  return {
    get length() {
      return length
    },
    add(name, text) {
      if (text === '') return
      const stream = streams.get(name) ?? { offset: 0, text: '', half: '' }
      streams.set(name, stream)
      const joined = stream.half + text
      const isCut = /[\ud800-\udbff]$/.test(joined)
      const whole = storableText(isCut ? joined.slice(0, -1) : joined)
      stream.half = isCut ? joined.slice(-1) : ''
      stream.text += whole
      length += whole.length
      if (whole !== '') waiting.add(name)
    },
    take(isEnd) {
      if (isEnd)
        for (const [name, stream] of streams) {
          if (stream.half === '') continue
          stream.text += storableText(stream.half)
          stream.half = ''
          waiting.add(name)
        }
      const pieces: OutputPiece[] = []
      for (const name of waiting) {
        const stream = streams.get(name)
        if (stream === undefined) continue
        const { offset, text } = stream
        pieces.push({ stream: name, offset, text })
        stream.offset += text.length
        stream.text = ''
      }
      waiting.clear()
      length = 0
      return pieces
    },
  }
}
