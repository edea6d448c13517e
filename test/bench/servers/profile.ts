import { Session } from 'node:inspector/promises'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Profiles this process.
 *
 * @returns the share of the busy time that each function took itself, the largest first; `function file:line`
 */
export async function profile(ms: number): Promise<readonly { readonly name: string; readonly share: number }[]> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  await delay(ms)
  const { profile: taken } = await session.post('Profiler.stop')
  session.disconnect()
  const names = new Map(
    taken.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split('/').at(-1) ?? ''
      return [id, `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`]
    }),
  )
  const took = new Map<string, number>()
  for (const [index, id] of (taken.samples ?? []).entries()) {
    const name = names.get(id) ?? '?'
    if (name !== '(idle)' && !name.startsWith('post node:inspector'))
      took.set(name, (took.get(name) ?? 0) + (taken.timeDeltas?.[index] ?? 0))
  }
  const total = [...took.values()].reduce((sum, one) => sum + one, 0)
  return [...took].map(([name, one]) => ({ name, share: one / total })).sort((a, b) => b.share - a.share)
}
