import { isTidingsError } from '../../errors.ts'
import type { RateLimitClass } from '../../rate-limits/rate-limit-classes.ts'
import { keyOfToken, type LimitedCaller, type RateLimits } from '../../rate-limits/rate-limits.ts'
import type { Viewer } from '../../tasks/model/viewer.ts'
import type { ClientInfo } from '../request/client-address.ts'
import type { WriteAudit } from '../request/context.ts'
import type { ServerMetrics } from './server-metrics.ts'

/** A refusal because a budget is used up. */
interface BudgetRefusal {
  readonly message: string
  readonly retryAfterMs: number
}

/** Uses budgets on behalf of the server, and records the refusals. */
export interface Budgets {
  /**
   * Uses one operation of a budget, see {@link RateLimits.take}.
   * @returns why it is refused; null when it is not
   */
  use(
    name: RateLimitClass,
    caller: {
      readonly key: LimitedCaller['key']
      readonly from: ClientInfo
      /** False uses only the budget of the key; true by default. */
      readonly isAddressUsed?: boolean
      readonly viewer?: Viewer | null
      /** The refused transport or the name of the refused operation, for the audit log. */
      readonly subject: string | undefined
    },
  ): Promise<BudgetRefusal | null>
  /** Whether anything is limited. */
  readonly areLimited: boolean
}

/** Creates the budgets of a server. @param rateLimits - without them nothing is refused */
export function createBudgets(options: {
  readonly rateLimits: RateLimits | undefined
  readonly metrics: Pick<ServerMetrics, 'refused'>
  readonly note: WriteAudit
}): Budgets {
  const { rateLimits, metrics, note } = options
  return {
    areLimited: rateLimits !== undefined,
    async use(name, { key, from, isAddressUsed = true, viewer = null, subject }) {
      try {
        await rateLimits?.take(name, { key, network: isAddressUsed ? from.network : null })
        return null
      } catch (error) {
        if (!isTidingsError(error, 'RATE_LIMITED')) throw error
        metrics.refused(name)
        note('LIMITED', viewer, from, { reason: name, subject, detail: error.message })
        return { message: error.message, retryAfterMs: Number(error.details['retryAfterMs']) }
      }
    },
  }
}

/**
 * Counts a refused token, by the token and by the address.
 * @returns why the caller has to wait; null when it has not
 */
export function countFailedToken(
  budgets: Budgets,
  credentials: string | undefined,
  from: ClientInfo,
  subject: string,
): Promise<BudgetRefusal | null> {
  return budgets.use('failedTokens', { key: keyOfToken(credentials ?? ''), from, subject })
}
