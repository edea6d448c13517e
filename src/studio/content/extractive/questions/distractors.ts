import type { Entry, EntryKind } from '../lexicon.ts'
import type { Random } from '../random.ts'

/** The answer that needs wrong answers. */
export interface Wanted {
  readonly kind: EntryKind
  readonly plain: string
  readonly stem: string
  readonly stems: readonly string[]
  /** Stems of the sentence it was taken from: another term of that sentence might also be right. */
  readonly sentenceStems: ReadonlySet<string>
  /** The sentence, in lower case. */
  readonly sentence: string
}

/** Kinds that fit the same gap when there are too few of the right one. */
const alike: Partial<Record<EntryKind, readonly EntryKind[]>> = {
  CODE: ['NAME'],
  NAME: ['CODE'],
  TERM: ['CODE', 'NAME'],
}

/**
 * Chooses wrong answers: of the same kind, of similar length, and never one that shares a word with
 * the right answer, with its sentence or with another wrong answer.
 *
 * @param pools - candidates, nearest first: the source itself, then the surrounding texts
 * @returns at most `count`; fewer when there are not enough
 */
export function chooseDistractors(
  target: Wanted,
  pools: readonly (readonly Entry[])[],
  count: number,
  random: Random,
): Entry[] {
  const words = target.plain.split(/\s+/).length
  const fitting = pools.flatMap((pool, distance) =>
    pool
      .filter((entry) => isOfKind(entry, target) && isWrong(entry, target))
      .map((entry) => ({
        entry,
        cost:
          distance * 0.5 +
          (entry.kind === target.kind ? 0 : 2) +
          Math.abs(entry.words - words) * 0.8 +
          Math.abs(entry.plain.length - target.plain.length) * 0.05 -
          Math.min(3, entry.count) * 0.2 +
          random.next() * 1.2,
      })),
  )
  const entries: Entry[] = []
  for (const { entry } of fitting.sort((a, b) => a.cost - b.cost)) {
    if (entries.length === count) break
    if (!entries.some((choice) => overlaps(choice, entry))) entries.push(entry)
  }
  return entries
}

function isOfKind(entry: Entry, { kind, plain }: Wanted): boolean {
  if (entry.kind !== kind && !(alike[kind] ?? []).includes(entry.kind)) return false
  // A call among plain names, or an option among words, would stand out.
  const looksLike = (text: string): string =>
    /^\d/.test(text) ? '0' : (/\(.*\)$|^-{1,2}|[/.]/.exec(text)?.[0]?.[0] ?? '')
  return (kind !== 'CODE' && kind !== 'TERM') || looksLike(entry.plain) === looksLike(plain)
}

function isWrong(entry: Entry, target: Wanted): boolean {
  if (entry.plain.length < 2 || entry.stem === target.stem || entry.plain.length > target.plain.length * 4 + 12)
    return false
  if (entry.plain.includes(target.plain) || target.plain.includes(entry.plain)) return false
  if (entry.stems.some((stem) => target.stems.includes(stem) || target.sentenceStems.has(stem))) return false
  return !target.sentence.includes(entry.plain)
}

function overlaps(a: Entry, b: Entry): boolean {
  return (
    a.stem === b.stem ||
    a.plain.includes(b.plain) ||
    b.plain.includes(a.plain) ||
    a.stems.some((stem) => b.stems.includes(stem))
  )
}

/**
 * Derives wrong quantities from a right one: "15 s" gives "5 s", "30 s", "150 s".
 *
 * @param sentence - no quantity that occurs in it is returned
 */
export function makeQuantities(quantity: string, sentence: string, count: number, random: Random): string[] {
  const match = /^(\d[\d.,]*)(.*)$/s.exec(quantity)
  const digits = match?.[1] ?? ''
  const unit = match?.[2] ?? ''
  const value = Number(digits.replace(/,(?=\d{3}\b)/g, '').replace(',', '.'))
  if (!Number.isFinite(value) || value <= 0) return []
  const decimals = /[.,](\d{1,2})$/.exec(digits.replace(/,(?=\d{3}\b)/g, ''))?.[1]?.length ?? 0
  const isPercent = /^\s?(%|percent)/.test(unit)
  const quantities = new Set<string>()
  for (const factor of random.shuffle([0.1, 0.25, 0.5, 2, 3, 4, 10])) {
    const candidate = value * factor
    if ((decimals === 0 && !Number.isInteger(candidate)) || (isPercent && candidate > 100)) continue
    const formatted = candidate.toLocaleString('en', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      useGrouping: digits.includes(',') || candidate >= 10_000,
    })
    if (Number(formatted.replace(/,/g, '')) !== value && !sentence.includes(formatted)) quantities.add(formatted)
  }
  return [...quantities].slice(0, count).map((text) => `${text}${unit}`)
}
