import type { DocumentStructure } from '../documents/structure/structure.ts'
import { type Draft, draftStages, isTooLong, maxConceptWords, shownAs } from './outline-drafts.ts'
import { splitMarkdown } from './outline-split.ts'

/** A link that belongs to a concept. */
interface OutlineLink {
  readonly text: string
  readonly url: string
}

/** The smallest unit of a roadmap: the subject of one tutorial, one list of resources and one quiz. */
export interface OutlineConcept {
  readonly title: string
  /** Source sections, in document order; the parts of a split section all reference it. */
  readonly sectionKeys: readonly string[]
  /** Markdown to generate from: about 20 to 1,000 words, never empty. */
  readonly text: string
  readonly links: readonly OutlineLink[]
}

/** A group of concepts. */
interface OutlineModule {
  readonly title: string
  readonly concepts: readonly OutlineConcept[]
}

/** A group of modules. */
interface OutlineStage {
  readonly title: string
  readonly modules: readonly OutlineModule[]
}

/** The outline of a document's roadmap; empty only for a document without text. */
export interface Outline {
  readonly title: string
  readonly stages: readonly OutlineStage[]
  /** Sections beyond the limit of 200 concepts. */
  readonly leftOutKeys: readonly string[]
  /** Omissions, as sentences for the owner of the roadmap. */
  readonly notes: readonly string[]
}

const maxConcepts = 200
const maxModuleConcepts = 8

/**
 * Converts a document's sections to stages, modules and concepts: the top headings below the title
 * become stages, the next level modules, the next concepts, and deeper sections belong to their
 * concept. Adjacent headings without children share a stage. Concepts of a few words are merged
 * into their neighbour; those of over 1,000 words or 16,000 characters are split. Deterministic: the same structure
 * always gives the same outline.
 */
export function outlineRoadmap(structure: DocumentStructure): Outline {
  const { stages: full, isTitled } = draftStages(structure.sections)
  const linksByKey = Map.groupBy(structure.links, ({ sectionKey }) => sectionKey)
  // A title taken from the first of several equal headings does not apply to the others.
  const wholeTitle = isTitled || structure.sections[0]?.heading !== structure.title ? structure.title : undefined
  const stages = full.map((stage, index): OutlineStage => {
    const modules = stage.modules.map((module) => {
      const concepts = module.drafts.flatMap((draft) => toConcepts(draft, linksByKey))
      return { title: module.title, concepts }
    })
    const isWhole = full.length === 1 || modules[0]?.concepts[0]?.title === wholeTitle
    const ownTitle = stage.title ?? (isWhole ? wholeTitle : undefined)
    const onlyTitle = modules.length === 1 ? ownTitle : undefined
    const spread = modules.flatMap((module) => spreadConcepts(module.title ?? onlyTitle, module.concepts))
    return {
      title:
        ownTitle ??
        joinTitles(
          spread.map(({ title }) => title),
          index,
        ),
      modules: spread,
    }
  })
  return limitConcepts(structure.title, stages)
}

function toConcepts(draft: Draft, linksByKey: ReadonlyMap<string, readonly OutlineLink[]>): OutlineConcept[] {
  const { title, sections } = draft
  const sectionKeys = sections.map(({ key }) => key)
  const links = uniqueLinks(sectionKeys.flatMap((key) => linksByKey.get(key) ?? []))
  const text = sections
    .map(({ heading, body }, index) =>
      (index === 0 && shownAs(heading) === title ? body : `### ${heading}\n\n${body}`).trim(),
    )
    .filter((part) => part !== '')
    .join('\n\n')
  const parts = isTooLong(draft) ? splitMarkdown(text, maxConceptWords) : [text || `### ${title}`]
  if (parts.length === 1) return [{ title, sectionKeys, text: parts[0] ?? '', links }]
  return parts.map((part, index) => ({
    title: `${title} (${index + 1} of ${parts.length})`,
    sectionKeys,
    text: part,
    links: linksIn(part, links),
  }))
}

/** Characters that an address rarely contains; one that does is looked for in the whole text. */
const separators = /[\s()<>[\]"'`|]+/
const maxUnusualLinks = 100

/** Finds the links of a part: by its words, as a document may have thousands of links and of parts. */
function linksIn(part: string, links: readonly OutlineLink[]): OutlineLink[] {
  const words = new Set(part.split(separators).flatMap((word) => [word, word.replace(/[.,;:!?]$/, '')]))
  let unusual = 0
  return links.filter(({ url }) => {
    if (!separators.test(url)) return words.has(url)
    unusual += 1
    return unusual <= maxUnusualLinks && part.includes(url)
  })
}

function uniqueLinks(links: readonly OutlineLink[]): OutlineLink[] {
  const byUrl = new Map(links.toReversed().map(({ text, url }) => [url, { text, url }]))
  return [...byUrl.values()].toReversed()
}

/** Splits a module of very many concepts into several of about the same size. */
function spreadConcepts(title: string | undefined, concepts: readonly OutlineConcept[]): OutlineModule[] {
  const name = (part: readonly OutlineConcept[]): string => joinTitles(part.map((concept) => concept.title))
  if (concepts.length <= maxModuleConcepts + 2) return [{ title: title ?? name(concepts), concepts }]
  const count = Math.ceil(concepts.length / maxModuleConcepts)
  const size = Math.ceil(concepts.length / count)
  return Array.from({ length: Math.ceil(concepts.length / size) }, (_, index) => {
    const part = concepts.slice(index * size, (index + 1) * size)
    return { title: title === undefined ? name(part) : `${title}: ${name(part)}`, concepts: part }
  })
}

function joinTitles(titles: readonly string[], position = 0): string {
  const [first, second] = titles
  if (first === undefined) return `Part ${position + 1}`
  if (second === undefined || second === first) return first
  return titles.length === 2 ? `${first} · ${second}` : `${first} … ${titles.at(-1) ?? ''}`
}

function limitConcepts(title: string, stages: readonly OutlineStage[]): Outline {
  const all = stages.flatMap((stage) => stage.modules.flatMap(({ concepts }) => concepts))
  const omittedConcepts = new Set(all.slice(maxConcepts))
  if (omittedConcepts.size === 0) return { title, stages, leftOutKeys: [], notes: [] }
  const keptKeys = new Set(all.slice(0, maxConcepts).flatMap(({ sectionKeys }) => sectionKeys))
  const omittedKeys = new Set([...omittedConcepts].flatMap(({ sectionKeys }) => sectionKeys))
  const limitedStages = stages
    .map((stage) => ({
      title: stage.title,
      modules: stage.modules
        .map((module) => ({ ...module, concepts: module.concepts.filter((concept) => !omittedConcepts.has(concept)) }))
        .filter(({ concepts }) => concepts.length > 0),
    }))
    .filter(({ modules }) => modules.length > 0)
  const note = `The document gives ${all.length} concepts; the first ${maxConcepts} are in the roadmap, from ${JSON.stringify(
    all[maxConcepts]?.title ?? '',
  )} on they are left out. Divide the document to have them all.`
  return {
    title,
    stages: limitedStages,
    leftOutKeys: [...omittedKeys].filter((key) => !keptKeys.has(key)),
    notes: [note],
  }
}
