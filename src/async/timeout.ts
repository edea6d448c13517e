/**
 * Waits for `promise`, but no longer than `ms`.
 *
 * @throws the rejection of `promise` if it rejects within that time
 */
export async function withTimeout(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms).unref()
  })
  try {
    await Promise.race([promise, tooLong])
  } finally {
    clearTimeout(timer)
  }
}
