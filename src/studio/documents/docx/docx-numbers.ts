import { attribute, runOf, valueIn } from './docx-xml.ts'
import { writeNumber } from './list-numbers.ts'

/** Enclose the label of a numbered paragraph, such as `2.` or `(a)`, at the beginning of its text. */
const labelMarks = ['\ue000', '\ue001'] as const

/** A level of a list. */
interface Level {
  readonly start: number
  readonly format: string
  /** The label, with `%1` for the number on the first level. */
  readonly pattern: string
  /** Whether the numbers of all levels are written in digits. */
  readonly isLegal: boolean
}

interface List {
  /** Lists with the same id share their numbers. */
  readonly id: string
  readonly restarts: ReadonlyMap<number, number>
}

/** The list and the level of a paragraph. */
interface Place {
  readonly list: string
  readonly depth: number
}

/**
 * Inserts the label of each numbered paragraph, as Word counts: per list, not per run of items. The
 * list is named by the paragraph or by its style. Where a paragraph mark was deleted and the change
 * not accepted yet, a space keeps the words on both sides apart.
 */
export function numberParagraphs(xml: string, numbering: string, styles: string): string {
  const levels = readLevels(numbering)
  const lists = readLists(numbering)
  const byStyle = readStyles(styles, numbering)
  const counts = new Map<string, number[]>()
  const usedLevels = new Set<string>()
  const labelOf = ({ list: listId, depth }: Place): string => {
    const list = lists.get(listId)
    const level = levels.get(`${list?.id} ${depth}`)
    if (list === undefined || level === undefined || /^(bullet|none)$/.test(level.format)) return ''
    const own = counts.get(list.id) ?? []
    counts.set(list.id, own)
    const key = `${listId} ${depth}`
    const restart = usedLevels.has(key) ? undefined : list.restarts.get(depth)
    usedLevels.add(key)
    own[depth] = restart ?? (own[depth] === undefined ? level.start : own[depth] + 1)
    own.length = depth + 1
    return level.pattern.replace(/%([1-9])/g, (_, digit: string) => {
      const outer = levels.get(`${list.id} ${Number(digit) - 1}`) ?? level
      return writeNumber(own[Number(digit) - 1] ?? outer.start, level.isLegal ? 'decimal' : outer.format)
    })
  }
  let isMarkDeleted = false
  // Former properties, in a tracked change, would be taken for the paragraph's own.
  return xml
    .replace(/<w:pPrChange(?:\s[^>]*)?>.*?<\/w:pPrChange>/gs, '')
    .replace(/<w:pPr(?:\s[^>]*)?(?<!\/)>.*?<\/w:pPr>|<\/w:p>/gs, (part) => {
      if (part === '</w:p>') {
        const end = isMarkDeleted ? `${runOf(' ')}${part}` : part
        isMarkDeleted = false
        return end
      }
      isMarkDeleted = /<w:rPr>(?:(?!<\/w:rPr>).)*<w:del[\s/]/s.test(part)
      const place = placeOf(part, byStyle)
      const label = place === undefined ? '' : labelOf(place).trim()
      return label === '' ? part : part + runOf(labelMarks.join(label))
    })
}

function placeOf(properties: string, byStyle: ReadonlyMap<string, Place>): Place | undefined {
  const styleNumbering = byStyle.get(valueIn(properties, 'pStyle') ?? '')
  const own = /<w:numPr>.*?<\/w:numPr>/s.exec(properties)?.[0]
  if (own === undefined) return styleNumbering
  const list = valueIn(own, 'numId') ?? styleNumbering?.list
  const depth = valueIn(own, 'ilvl') ?? styleNumbering?.depth ?? 0
  return list === undefined ? undefined : { list, depth: Number(depth) }
}

/** The levels of lists, by the list's id and the depth. */
function readLevels(numbering: string): ReadonlyMap<string, Level> {
  const levels = new Map<string, Level>()
  for (const [, tag = '', inner = ''] of numbering.matchAll(/<w:abstractNum(\s[^>]*)>(.*?)<\/w:abstractNum>/gs))
    for (const [, level = '', properties = ''] of inner.matchAll(/<w:lvl(\s[^>]*)>(.*?)<\/w:lvl>/gs)) {
      const depth = Number(attribute(level, 'w:ilvl'))
      levels.set(`${attribute(tag, 'w:abstractNumId')} ${depth}`, {
        start: Number(valueIn(properties, 'start') ?? 0),
        format: valueIn(properties, 'numFmt') ?? 'decimal',
        pattern: valueIn(properties, 'lvlText') ?? `%${depth + 1}.`,
        isLegal: /<w:isLgl\s*\/>/.test(properties),
      })
    }
  return levels
}

function readLists(numbering: string): ReadonlyMap<string, List> {
  const lists = new Map<string, List>()
  for (const [, tag = '', inner = ''] of numbering.matchAll(/<w:num(\s[^>]*)>(.*?)<\/w:num>/gs)) {
    const restarts = [...inner.matchAll(/<w:lvlOverride(\s[^>]*)>\s*<w:startOverride(\s[^>]*)>/g)].map(
      ([, level = '', start = '']) =>
        [Number(attribute(level, 'w:ilvl') ?? 0), Number(attribute(start, 'w:val'))] as const,
    )
    const id = valueIn(inner, 'abstractNumId') ?? ''
    lists.set(attribute(tag, 'w:numId') ?? '', { id, restarts: new Map(restarts) })
  }
  return lists
}

/** Number of styles that a style may inherit from. */
const maxInheritance = 20

/** The lists that are named by styles; a style inherits the list of the style it is based on. */
function readStyles(styles: string, numbering: string): ReadonlyMap<string, Place> {
  const depths = new Map<string, number>()
  for (const [, level = '', properties = ''] of numbering.matchAll(/<w:lvl(\s[^>]*)>(.*?)<\/w:lvl>/gs)) {
    const style = valueIn(properties, 'pStyle')
    if (style !== undefined) depths.set(style, Number(attribute(level, 'w:ilvl')))
  }
  const bases = new Map<string, string>()
  const lists = new Map<string, Place>()
  for (const [, tag = '', inner = ''] of styles.matchAll(/<w:style(\s[^>]*)>(.*?)<\/w:style>/gs)) {
    const id = attribute(tag, 'w:styleId') ?? ''
    bases.set(id, valueIn(inner, 'basedOn') ?? '')
    const own = /<w:numPr>.*?<\/w:numPr>/s.exec(inner)?.[0] ?? ''
    const list = valueIn(own, 'numId')
    if (list !== undefined) lists.set(id, { list, depth: Number(valueIn(own, 'ilvl') ?? depths.get(id) ?? 0) })
  }
  const result = new Map<string, Place>()
  for (const id of bases.keys()) {
    let style = id
    for (let step = 0; step < maxInheritance && style !== '' && !lists.has(style); step += 1)
      style = bases.get(style) ?? ''
    const place = lists.get(style)
    if (place !== undefined) result.set(id, { ...place, depth: depths.get(id) ?? place.depth })
  }
  return result
}
