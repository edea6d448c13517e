/**
 * FNV-1a, 32 bits: the same for the same text in every process and version, as cursors in the hands of clients and the spread of
 * channels over servers rely on it. Quick, and no secret.
 */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
