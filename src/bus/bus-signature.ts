import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'

/** Signs messages of the bus, and verifies the signatures of received ones. */
interface BusSignature {
  /** Returns the text to publish: the signature, then the message. */
  sign(channel: string, json: string): string
  /**
   * Returns the message of a published text; null when no process with this key signed it for this
   * channel.
   */
  open(channel: string, text: string): string | null
}

/** Characters of a SHA-256 digest in base64url. */
const signatureLength = 43

/**
 * Creates the signatures of a key: an HMAC with SHA-256 of the channel and the message. It includes
 * the channel, so that a message of one topic cannot be repeated in another one. A repetition in the
 * same channel is valid, and harmless: consumers deduplicate, as Redis may repeat messages itself.
 */
export function createBusSignature(key: string): BusSignature {
  // A key object: deriving it for each message would cost as much as the HMAC.
  const secret = createSecretKey(Buffer.from(key))
  const macOf = (channel: string, json: string): string =>
    createHmac('sha256', secret).update(channel).update('\n').update(json).digest('base64url')
  return {
    sign: (channel, json) => macOf(channel, json) + json,
    open(channel, text) {
      const json = text.slice(signatureLength)
      const expectedMac = Buffer.from(macOf(channel, json))
      const signature = Buffer.from(text.slice(0, signatureLength))
      const isValid = signature.length === expectedMac.length && timingSafeEqual(signature, expectedMac)
      return isValid ? json : null
    },
  }
}
