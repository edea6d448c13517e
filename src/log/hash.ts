/**
 * Computes the 32-bit FNV-1a hash of a text. The result must be the same in every process and
 * version: cursors held by clients rely on it. Fast, not cryptographic.
 */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
