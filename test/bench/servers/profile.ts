import { Session } from 'node:inspector/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** The own share of a function in the busy time. */
export interface Share {
  /** `function file:line` */
  readonly name: string
  /** The location of the file; empty for code other than JavaScript. */
  readonly url: string
  /** 0–1. */
  readonly share: number
}

/** Profiles this process: the shares of all functions, the largest first. */
export async function profile(ms: number): Promise<readonly Share[]> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  await delay(ms)
  const { profile: taken } = await session.post('Profiler.stop')
  session.disconnect()
  const functions = new Map(
    taken.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split('/').at(-1) ?? ''
      return [id, { name: `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`, url }]
    }),
  )
  const took = new Map<string, { readonly name: string; readonly url: string; us: number }>()
  for (const [index, id] of (taken.samples ?? []).entries()) {
    const { name, url } = functions.get(id) ?? { name: '?', url: '' }
    if (name === '(idle)' || name.startsWith('post node:inspector')) continue
    const known = took.get(url + name) ?? { name, url, us: 0 }
    known.us += taken.timeDeltas?.[index] ?? 0
    took.set(url + name, known)
  }
  const total = [...took.values()].reduce((sum, { us }) => sum + us, 0)
  return [...took.values()]
    .map(({ name, url, us }) => ({ name, url, share: us / total }))
    .sort((a, b) => b.share - a.share)
}
