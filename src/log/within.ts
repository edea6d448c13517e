/**
 * Waits for `promise`, but not longer than `ms`.
 *
 * @throws what `promise` rejects with before that
 */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
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
