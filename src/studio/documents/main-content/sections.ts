import { countWords, trimEndOf } from '../../text/text.ts'
import type { DocumentStructure, Section } from '../structure/structure.ts'

/** With fewer words of main content, the whole document is main content. */
const minMainWords = 50
/** Maximum number of headings that the note names. */
const maxNamed = 5

const list = (...lines: readonly string[]): ReadonlySet<string> => new Set(lines.join(', ').split(', '))
/** Headings of sections about the document, or that lead to others. */
const apart = list(
  'contents, table of contents, navigation menu, list of figures, list of tables',
  'works cited, literature cited, reference list, notes and references, references and notes',
  'see also, further reading, external links, copyright notice',
  'acknowledgments, acknowledgements, subject index, author index',
  'inhalt, inhaltsverzeichnis, navigationsmenü, abbildungsverzeichnis, tabellenverzeichnis, literaturverzeichnis',
  'quellenverzeichnis, einzelnachweise, siehe auch, weblinks, danksagung, stichwortverzeichnis, sachregister',
  'sommaire, table des matières, notes et références, voir aussi, articles connexes, liens externes, remerciements',
  'índice, tabla de contenido, tabla de contenidos, véase también, enlaces externos, agradecimientos',
  'sommario, voci correlate, collegamenti esterni, sumário, ver também, ligações externas',
  'inhoud, inhoudsopgave, zie ook, externe links, spis treści, содержание, оглавление, см. также, 目次, 目录, 目錄, 목차',
  '関連項目, 外部リンク, 外部链接, 외부 링크',
)
/** Headings that begin the back matter, or are about the subject, such as the references of a language. */
const ambiguous = list(
  'references, sources, citations, notes, footnotes, endnotes, index, related articles',
  'bibliography, navigation, license, licence, licensing, copyright',
  'literatur, quellen, anmerkungen, fußnoten, références, referencias, notas, riferimenti, note, referências',
  'bibliographie, bibliografía, bibliografia, lizenz, licencia, licenza, licença',
  'referenties, literatuur, bronnen, литература, примечания, ссылки, 参考文献, 脚注, 参考资料, 참고 문헌, 각주',
)
/** May follow the references of a paper. */
const appendix = /^(appendi(x|ces)|anhang|annexe?s?|supplement(ary|al)?)(?!\p{L})/iu
/** The number of a section, and signs such as emoji. */
const numbering = /^(?:(?:\d{1,3}(?:\.\d{1,3})*|[ivxlc]{1,7}|[a-z])[.):]|\d{1,3}(?:\.\d{1,3})*(?=\s))?[^\p{L}]*/iu
/** An entry of a bibliography: it has a number in brackets, a year or an address. */
const entry = /^(?:[-*+]\s+)?\\?\[\d+\\?\]|(?<!\d)(?:1[5-9]|20)\d\d(?!\d)|https?:\/\//i

/**
 * Marks sections that are not main content by their headings: contents, references, licenses and the
 * like, with their subsections; and adds a note of everything that is not main content. Too few
 * words of main content, or headings that cover most of it, are signs of an error: then the marks
 * are not set.
 */
export function markMainContent(structure: DocumentStructure): DocumentStructure {
  const isApart = findApart(structure.sections)
  const markedSections = structure.sections.map((section, index): Section => {
    if (isApart[index] !== true) return section
    const { mainBody: _, ...whole } = section
    return { ...whole, isMain: false }
  })
  const words = countMain(markedSections)
  const wordsOfPage = countMain(structure.sections)
  if (words >= minMainWords && words * 5 >= wordsOfPage) return addNote(structure, markedSections)
  if (wordsOfPage >= minMainWords) return addNote(structure, structure.sections)
  return {
    ...structure,
    sections: structure.sections.map(({ isMain: _, mainBody: __, ...section }) => section),
    links: structure.links.map(({ isMain: _, ...link }) => link),
  }
}

function addNote(structure: DocumentStructure, sections: readonly Section[]): DocumentStructure {
  const apartSections = sections.filter(({ isMain }) => isMain === false)
  const keys = new Set(apartSections.map(({ key }) => key))
  const words = sections.reduce(
    (sum, { isMain, body, mainBody }) =>
      isMain === false || mainBody === undefined ? sum : sum + countWords(body) - countWords(mainBody),
    0,
  )
  const withWords = apartSections.filter(({ body }) => countWords(body) > 0)
  const headings = withWords.slice(0, maxNamed).map(({ heading }) => `“${heading}”`)
  const unnamedCount = withWords.length - headings.length
  const parts = [
    ...headings,
    ...(unnamedCount > 0 ? [`${unnamedCount} more sections`] : []),
    ...(words > 0 ? [`${words} words around the main text`] : []),
  ]
  const notes =
    parts.length === 0 ? [] : [`Quizzes and roadmaps leave out what is not main content: ${parts.join(', ')}.`]
  return {
    ...structure,
    sections,
    links: structure.links.map((link) => (keys.has(link.sectionKey) ? { ...link, isMain: false } : link)),
    notes: [...structure.notes, ...notes],
  }
}

function countMain(sections: readonly Section[]): number {
  return sections.reduce(
    (sum, { isMain, body, mainBody }) => (isMain === false ? sum : sum + countWords(mainBody ?? body)),
    0,
  )
}

/** Finds the sections whose headings set them apart; true at their positions. */
function findApart(sections: readonly Section[]): readonly boolean[] {
  const isApart = sections.map(() => false)
  const ends = subtreeEnds(sections)
  // After this position is nothing but back matter.
  let textEnd = sections.length
  for (const [index, section] of [...sections.entries()].reverse()) {
    const end = ends[index] ?? index + 1
    const heading = trimEndOf(section.heading.replace(numbering, ''), /[\s:.]/).toLowerCase()
    const isLast = end >= textEnd
    const isFound =
      apart.has(heading) || (ambiguous.has(heading) && (isLast || isBibliography(sections.slice(index, end))))
    if (isFound) isApart.fill(true, index, end)
    if (isLast && (isFound || appendix.test(heading) || (section.isMain === false && textEnd === index + 1)))
      textEnd = index
  }
  return isApart
}

/** The position after the last subsection of each section. */
function subtreeEnds(sections: readonly Section[]): readonly number[] {
  const ends = sections.map(() => sections.length)
  const open: number[] = []
  for (const [index, { level }] of sections.entries()) {
    for (let last = open.at(-1); last !== undefined && (sections[last]?.level ?? 0) >= level; last = open.at(-1)) {
      ends[last] = index
      open.pop()
    }
    open.push(index)
  }
  return ends
}

/** Whether most lines are entries of a bibliography. */
function isBibliography(sections: readonly Section[]): boolean {
  const lines = sections.flatMap(({ body }) => body.split('\n')).filter((line) => line.trim() !== '')
  return lines.length > 0 && lines.filter((line) => entry.test(line)).length * 2 > lines.length
}
