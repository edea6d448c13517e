import { isTidingsError } from '../../src/errors.ts'
import type { Context } from './context.ts'

/**
 * Writes to the audit log that the viewer subscribes to the topic that `open` finds, or why the
 * subscription was refused.
 */
export async function noteSubscription<T extends { readonly topic: string }>(
  context: Context,
  open: () => Promise<T>,
): Promise<T> {
  try {
    const opened = await open()
    context.note('SUBSCRIBED', { subject: opened.topic })
    return opened
  } catch (error) {
    if (isTidingsError(error, 'NOT_FOUND', 'FORBIDDEN', 'UNAUTHENTICATED'))
      context.note('REFUSED', { subject: 'subscription', reason: error.code.toLowerCase(), detail: error.message })
    throw error
  }
}
