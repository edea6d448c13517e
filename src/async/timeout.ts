/**
 * Waits for `promise`, but no longer than `ms`.
 *
 * @returns whether it settled within that time
 * @throws the rejection of `promise` if it rejects within that time
 */
export async function withTimeout(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false)
  })
  try {
    return await Promise.race([promise.then(() => true), tooLong])
  } finally {
    clearTimeout(timer)
  }
}
