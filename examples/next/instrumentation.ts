/** Next.js calls it once, when the server starts. Leave the worker out where other processes run tasks. */
export async function register(): Promise<void> {
  if (process.env['NEXT_RUNTIME'] !== 'nodejs') return
  const { tidings } = await import('./tidings.ts')
  await tidings.worker()
}
