import type { Nodes } from 'mdast'
import { parseMarkdown } from '../text/markdown.ts'
import { stripTags } from '../text/words.ts'
import { type Citation, type QuestionSection, wordsOf } from './question.ts'

/** Fewer words prove nothing: they occur in any text. */
const minWords = 4

/** Finds passages in a document. Reads each section once. */
export interface CitationCheck {
  /**
   * Locates a quotation: in the named section, or else in the first section that contains it; null
   * when none does. Markup, case, punctuation and white space are ignored.
   */
  find(quotation: string, sectionKey?: string): Citation | null
}

/** Creates a check of citations for one document. */
export function createCitationCheck(sections: readonly QuestionSection[]): CitationCheck {
  const texts = new Map<QuestionSection, string>()
  const textIn = (section: QuestionSection): string => {
    const known = texts.get(section)
    if (known !== undefined) return known
    const text = comparable(shownText(parseMarkdown(section.body)))
    texts.set(section, text)
    return text
  }
  return {
    find(quotation, sectionKey) {
      const wanted = comparable(quotation)
      if (wanted.trim().split(' ').length < minWords) return null
      const named = sections.find(({ key }) => key === sectionKey)
      const found =
        named !== undefined && textIn(named).includes(wanted)
          ? named
          : sections.find((section) => textIn(section).includes(wanted))
      if (found === undefined) return null
      return {
        sectionKey: found.key,
        heading: found.heading,
        quotation: quotation.replace(/\s+/g, ' ').trim(),
      }
    },
  }
}

/** Space-delimited words, so that partial words do not match. */
function comparable(text: string): string {
  return ` ${wordsOf(text).join(' ')} `
}

/** The text as a page renders it: inline markup joins, blocks and cells are separated. */
function shownText(node: Nodes): string {
  if (node.type === 'html') return stripTags(node.value)
  if ('value' in node) return node.value
  if (node.type === 'break') return ' '
  if (!('children' in node)) return ''
  const isInline = node.type === 'paragraph' || node.type === 'heading' || node.type === 'tableCell'
  const isMark = ['emphasis', 'strong', 'delete', 'link', 'linkReference'].includes(node.type)
  return node.children.map(shownText).join(isInline || isMark ? '' : ' ')
}
