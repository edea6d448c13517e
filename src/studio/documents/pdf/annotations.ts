import { cleanText } from './clean-text.ts'
import type { PdfLine } from './pdf-lines.ts'

/** The properties of an annotation of PDF.js that are read. */
interface Annotation {
  readonly subtype?: string
  readonly annotationFlags?: number
  readonly hasAppearance?: boolean
  readonly url?: string
  readonly rect?: readonly [number, number, number, number]
  readonly fieldType?: string | null
  readonly fieldValue?: string | readonly string[] | null
  readonly password?: boolean
  readonly checkBox?: boolean
  readonly radioButton?: boolean
  readonly pushButton?: boolean
  /** Whether a choice field shows only the chosen option. */
  readonly combo?: boolean
  readonly exportValue?: string
  readonly buttonValue?: string | null
  readonly options?: readonly { readonly exportValue: string; readonly displayValue: string }[]
  readonly contentsObj?: { readonly str?: string }
  readonly textContent?: readonly string[]
}

/** The text of a form field, or text that was typed onto the page. */
interface FieldText {
  /** One per line. */
  readonly texts: readonly string[]
  /** Whether it marks the text to its right. */
  readonly isMark: boolean
  /** Its rectangle on the upright page: points, from the upper left corner. */
  readonly x: number
  readonly endX: number
  readonly top: number
  readonly bottom: number
}

/** The annotations of a page. */
interface PageAnnotations {
  readonly urls: readonly string[]
  readonly fields: readonly FieldText[]
  /** Number of comments: text shown only when a reader opens it. */
  readonly comments: number
  /** Number of buttons and signatures: PDF.js does not return the text on them. */
  readonly captions: number
  /** Number of stamps, and of players for sound and video, whose appearance is not read. */
  readonly stamps: number
  readonly players: number
}

/** The part of PDF.js's page that is used here. */
interface AnnotatedPage {
  getAnnotations(): Promise<readonly Annotation[]>
  getViewport(options: { readonly scale: number }): { readonly transform: readonly unknown[] }
}

/** Hidden, or not shown on a screen. */
const hiddenFlags = 2 | 32

/** Reads the links, the filled form fields, the typed texts and the number of comments of a page. */
export async function readAnnotations(page: AnnotatedPage): Promise<PageAnnotations> {
  const annotations = await page.getAnnotations()
  const [a = 1, b = 0, c = 0, d = 1, e = 0, f = 0] = page.getViewport({ scale: 1 }).transform as number[]
  const visible = annotations.filter(({ annotationFlags = 0 }) => (annotationFlags & hiddenFlags) === 0)
  const fields = visible.flatMap((annotation): FieldText[] => {
    const texts = textOf(annotation)
      .map((text) => cleanText(text).trim())
      .filter((text) => text !== '')
    if (texts.length === 0 || annotation.rect === undefined) return []
    const [left, low, right, high] = annotation.rect
    const [x1, x2] = [a * left + c * low + e, a * right + c * high + e]
    const [y1, y2] = [b * left + d * low + f, b * right + d * high + f]
    return [
      {
        texts,
        isMark: isBox(annotation),
        x: Math.min(x1, x2),
        endX: Math.max(x1, x2),
        top: Math.min(y1, y2),
        bottom: Math.max(y1, y2),
      },
    ]
  })
  const isComment = ({ subtype = '', contentsObj }: Annotation): boolean =>
    /^(Text|Highlight|Underline|Squiggly|StrikeOut|Caret|Ink|Line|Square|Circle|Polygon|PolyLine)$/.test(subtype) &&
    (contentsObj?.str ?? '').trim() !== ''
  const countDrawn = (subtypes: RegExp): number =>
    visible.filter(
      (annotation) =>
        annotation.hasAppearance === true && subtypes.test(annotation.subtype ?? '') && textOf(annotation).length === 0,
    ).length
  return {
    urls: annotations.flatMap(({ subtype, url }) => (subtype === 'Link' && url !== undefined ? [url] : [])),
    fields,
    comments: visible.filter(isComment).length,
    captions: visible.filter(({ pushButton, fieldType }) => pushButton === true || fieldType === 'Sig').length,
    stamps: countDrawn(/^Stamp$/),
    players: countDrawn(/^(RichMedia|Screen|Sound|Movie)$/),
  }
}

function isBox({ checkBox, radioButton }: Annotation): boolean {
  return checkBox === true || radioButton === true
}

function textOf(annotation: Annotation): readonly string[] {
  const { subtype, fieldType, fieldValue, password, contentsObj, textContent = [] } = annotation
  if (subtype === 'FreeText') return contentsObj?.str?.trim() ? contentsObj.str.split(/\r\n?|\n/) : textContent
  if (subtype !== 'Widget') return textContent
  if (password === true) return []
  const values = [fieldValue ?? []].flat().filter((value) => typeof value === 'string')
  if (fieldType === 'Btn') {
    const onValue = annotation.checkBox === true ? annotation.exportValue : annotation.buttonValue
    return isBox(annotation) && onValue !== undefined && onValue !== null && values.includes(onValue) ? ['☒'] : []
  }
  if (fieldType === 'Ch' && annotation.combo !== true && annotation.options !== undefined)
    return annotation.options.map(({ displayValue }) => displayValue)
  if (fieldType === 'Ch')
    return values.map((value) => annotation.options?.find((o) => o.exportValue === value)?.displayValue ?? value)
  const lines = values.flatMap((value) => value.split(/\r\n?|\n/))
  return lines.length > 0 ? lines : textContent
}

/**
 * Inserts the texts of fields among the lines of their page: after the label in the same row, or
 * else below the nearest line above.
 */
export function insertFields(lines: readonly PdfLine[], fields: readonly FieldText[]): PdfLine[] {
  const result = [...lines]
  for (const field of fields.toSorted((a, b) => a.top - b.top || a.x - b.x)) {
    const [first = '', ...rest] = field.texts
    const row = result.filter(({ angle, y, size }) => angle === 0 && y > field.top && y - 0.3 * size < field.bottom)
    const after = row.find(({ x, size }) => x > field.x && x < field.endX + 2 * size)
    const before = row
      .filter(({ x }) => x <= field.x)
      .toSorted((a, b) => a.x - b.x)
      .at(-1)
    const label = field.isMark ? (after ?? before) : before
    if (label !== undefined) {
      const isBefore = label === after
      const text = isBefore ? `${first} ${label.text}` : `${label.text} ${first}`
      const mergedLabel = { ...label, text, endX: Math.max(label.endX, field.endX) }
      result.splice(
        result.indexOf(label),
        1,
        mergedLabel,
        ...rest.map((line, index) => toLine(line, field, index + 1, label)),
      )
      continue
    }
    const above = result.findLastIndex(
      ({ angle, y, x, endX }) => angle === 0 && y <= field.bottom && x < field.endX && endX > field.x,
    )
    const at = above === -1 ? result.findLastIndex(({ angle, y }) => angle === 0 && y <= field.bottom) : above
    const near = result[Math.max(0, at)]
    result.splice(at + 1, 0, ...field.texts.map((line, index) => toLine(line, field, index, near)))
  }
  return result
}

/** A line of a field, set in the size of the text around it so that it is not taken for a heading. */
function toLine(text: string, { x, endX, top }: FieldText, index: number, near: PdfLine | undefined): PdfLine {
  const size = near?.size ?? 10
  return { text, x, endX, y: top + (index + 1) * size * 1.2, size, angle: 0 }
}
