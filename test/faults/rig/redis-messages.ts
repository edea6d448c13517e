/** Returns the end of the RESP value that starts at an offset; undefined while it is incomplete. */
function endOfValue(data: Buffer, start: number): number | undefined {
  const lineEnd = data.indexOf('\r\n', start)
  if (lineEnd < 0) return undefined
  const type = String.fromCharCode(data[start] ?? 0)
  const length = Number.parseInt(data.toString('latin1', start + 1, lineEnd), 10)
  const next = lineEnd + 2
  if ('$=!'.includes(type)) {
    const end = length < 0 ? next : next + length + 2
    return end <= data.length ? end : undefined
  }
  if (!'*~>%|'.includes(type)) return next
  let at: number | undefined = next
  for (let left = '%|'.includes(type) ? 2 * length : length; left > 0 && at !== undefined; left--)
    at = endOfValue(data, at)
  return at
}

const isMessage = /^[>*][34]\r\n\$p?8?\d*\r\np?message\r\n/

/**
 * Creates a filter for the bytes that Redis sends on one connection: discards a share of the
 * pub/sub messages and forwards everything else.
 *
 * @param isLost - called for each message; true discards it
 */
export function createMessageFilter(isLost: () => boolean): (chunk: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const forwarded: Buffer[] = []
    for (;;) {
      const end = rest.length === 0 ? undefined : endOfValue(rest, 0)
      if (end === undefined) break
      const value = rest.subarray(0, end)
      rest = rest.subarray(end)
      if (!isMessage.test(value.toString('latin1', 0, 30)) || !isLost()) forwarded.push(value)
    }
    return Buffer.concat(forwarded)
  }
}
