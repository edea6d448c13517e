import { storableText } from '../model/storable.ts'

/** A piece of text of one stream, and its offset in the stream in UTF-16 units. */
interface OutputPiece {
  readonly stream: string
  readonly offset: number
  readonly text: string
}

/** Buffers the text that an attempt streams until it is written to the log. */
interface OutputBuffer {
  /**
   * Adds a piece; a text may be split anywhere, even within a character, without changing the
   * result.
   */
  add(stream: string, text: string): void
  /**
   * Removes and returns the text added since the last call, one piece per stream; at the end also
   * the withheld half of a surrogate pair.
   */
  take(isEnd: boolean): readonly OutputPiece[]
  /** Number of buffered UTF-16 units. */
  readonly length: number
}

/**
 * Creates the buffer of one attempt. Pieces of a stream are concatenated regardless of pieces of
 * other streams in between: the log guarantees order only within a stream.
 */
export function createOutputBuffer(): OutputBuffer {
  interface Stream {
    /** UTF-16 units already taken. */
    offset: number
    text: string
    /** The high surrogate of a pair until its low surrogate arrives. */
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
      const fullText = stream.half + text
      const isCut = /[\ud800-\udbff]$/.test(fullText)
      const storable = storableText(isCut ? fullText.slice(0, -1) : fullText)
      stream.half = isCut ? fullText.slice(-1) : ''
      stream.text += storable
      length += storable.length
      if (storable !== '') waiting.add(name)
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
