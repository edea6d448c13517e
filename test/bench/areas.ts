import type { Profile } from './cases.ts'
import type { Share } from './servers/profile.ts'

/** The areas into which the time of a delivery is divided; everything else is the rest. */
const areas: readonly { readonly area: string; readonly has: (share: Share) => boolean }[] = [
  { area: 'the kernel’s write', has: ({ name, url }) => url === '' && /^write/.test(name) },
  { area: 'garbage collection', has: ({ name }) => name === '(garbage collector)' },
  { area: 'the bench’s own publishing', has: ({ url }) => url.includes('/test/bench/') },
  { area: 'Node: streams, events, timers', has: ({ url }) => url.startsWith('node:') },
  { area: 'packages', has: ({ url }) => url.includes('/node_modules/') },
  { area: 'bus and feed (`src/bus`, `src/log`)', has: ({ url }) => /\/src\/(bus|log)\//.test(url) },
  {
    area: 'execution (`src/live/execute/compile.ts`, `schema`)',
    has: ({ url }) => url.endsWith('/src/live/execute/compile.ts') || url.includes('/schema/'),
  },
  { area: 'group, frame and sink (`src/live`)', has: ({ url }) => url.includes('/src/live/') },
]
const rest = 'the rest'

/** The names of all areas, in the order of {@link timeByArea}. */
export const areaNames: readonly string[] = [...areas.map(({ area }) => area), rest]

/** Returns the microseconds of a core that a delivery takes in each area. */
export function timeByArea({
  shares,
  usPerDelivery,
}: Profile): readonly { readonly area: string; readonly us: number }[] {
  const sums = new Map(areaNames.map((area) => [area, 0]))
  for (const share of shares) {
    const area = areas.find(({ has }) => has(share))?.area ?? rest
    sums.set(area, (sums.get(area) ?? 0) + share.share * usPerDelivery)
  }
  return [...sums].map(([area, us]) => ({ area, us }))
}
