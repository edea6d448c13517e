/** Encodes a text in a legacy encoding of one or two bytes per character, by inverting `TextDecoder`. */
export function encodeText(encoding: string, text: string): Uint8Array {
  const table = tableOf(encoding)
  return Buffer.concat(
    [...text].map((character) => {
      const bytes = table.get(character)
      if (bytes === undefined) throw new Error(`${encoding} has no ${JSON.stringify(character)}`)
      return bytes
    }),
  )
}

const tables = new Map<string, ReadonlyMap<string, Uint8Array>>()

function tableOf(encoding: string): ReadonlyMap<string, Uint8Array> {
  const existing = tables.get(encoding)
  if (existing !== undefined) return existing
  const decoder = new TextDecoder(encoding)
  const table = new Map<string, Uint8Array>()
  const add = (...bytes: number[]): void => {
    const character = decoder.decode(Uint8Array.from(bytes))
    if ([...character].length === 1 && character !== '\ufffd' && !table.has(character))
      table.set(character, Uint8Array.from(bytes))
  }
  for (let first = 0; first < 256; first += 1) add(first)
  for (let first = 0x81; first < 0xff; first += 1)
    for (let second = 0x40; second < 0xff; second += 1) add(first, second)
  tables.set(encoding, table)
  return table
}
