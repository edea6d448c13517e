import { createRequire } from 'node:module'

/** The part of jschardet that is used here. */
interface Detector {
  readonly chardet: {
    detectAll(
      bytes: Uint8Array,
      options: { readonly encodingEra: number; readonly ignoreThreshold: boolean },
    ): readonly { readonly encoding: string | null; readonly confidence: number }[]
  }
}

/** The maximum number of bytes that are examined. */
const sampleBytes = 65_536
/** Names of the detector that the Encoding Standard, and so `TextDecoder`, does not know. */
const labels: Readonly<Record<string, string>> = { cp932: 'shift_jis', cp949: 'euc-kr', cp874: 'windows-874' }
/** The detector's encodings of the web, of ISO and of DOS; not those of old Macs and mainframes. */
const encodingEra = 1 | 2 | 16
/** Encodings that differ in a few characters score alike; this one is by far the most frequent. */
const frequent = { encoding: 'windows-1252', bonus: 0.02 }

let detector: Detector | undefined

/** Loads the detector when it is first needed: its model takes 0.1 s, and most texts are UTF-8. */
function loadDetector(): Detector {
  detector ??= createRequire(import.meta.url)('jschardet') as Detector
  return detector
}

/**
 * Guesses the encoding of a text that is not UTF-8 and does not name its encoding.
 *
 * @returns encodings that `TextDecoder` knows, the likeliest first; empty when nothing fits
 */
export function guessEncodings(bytes: Uint8Array): readonly string[] {
  const results = loadDetector().chardet.detectAll(sampleOf(bytes), { encodingEra, ignoreThreshold: true })
  const guesses = results.flatMap(({ encoding: name, confidence }) => {
    const encoding = name === null ? undefined : toEncoding(name)
    if (encoding === undefined || encoding.startsWith('utf-')) return []
    return [{ encoding, score: confidence + (encoding === frequent.encoding ? frequent.bonus : 0) }]
  })
  return [...new Set(guesses.toSorted((a, b) => b.score - a.score).map(({ encoding }) => encoding))]
}

function toEncoding(name: string): string | undefined {
  try {
    return new TextDecoder(labels[name.toLowerCase()] ?? name).encoding
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Returns the lines that contain characters outside ASCII: only these distinguish encodings. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= sampleBytes) return bytes
  const lines: Uint8Array[] = []
  let length = 0
  for (let from = 0; from < bytes.length && length < sampleBytes; ) {
    const newline = bytes.indexOf(0x0a, from)
    const end = Math.min(newline === -1 ? bytes.length : newline + 1, from + sampleBytes)
    const line = bytes.subarray(from, end)
    if (line.some((byte) => byte >= 0x80)) {
      lines.push(line)
      length += line.length
    }
    from = end
  }
  return Buffer.concat(lines)
}
