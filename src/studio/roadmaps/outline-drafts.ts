import type { Section } from '../documents/structure/structure.ts'
import { countWords, trimEndOf } from '../text/text.ts'

interface Node {
  readonly section: Section
  readonly children: Node[]
}

/** A draft of a concept: its sections. */
export interface Draft {
  title: string
  sections: Section[]
  /** Number of words with learning content; code counts, tables of contents do not. */
  weight: number
  /** Number of characters of its text. */
  characters: number
}

/** A draft of a module. */
interface DraftModule {
  /** Undefined when it is to be named after its concepts. */
  readonly title: string | undefined
  drafts: Draft[]
}

/** A draft of a stage. */
interface DraftStage {
  readonly title: string | undefined
  modules: DraftModule[]
}

/** A concept with more words is split. */
export const maxConceptWords = 1_000
/** A concept with more characters is split too: text without words costs as much to read. */
const maxConceptCharacters = 16_000
const minConceptWords = 20

/**
 * Groups sections into stages, modules and drafts of concepts, in order, each section once.
 *
 * @returns the stages, none empty, and whether a single heading covered the whole document
 */
export function draftStages(sections: readonly Section[]): { stages: DraftStage[]; isTitled: boolean } {
  const roots = buildTree(sections)
  const stages = groupIntoStages(hoistTitle(roots))
  mergeSmall(stages)
  return { stages: stages.filter(({ modules }) => modules.length > 0), isTitled: roots.length === 1 }
}

function buildTree(sections: readonly Section[]): Node[] {
  const roots: Node[] = []
  const path: Node[] = []
  for (const section of sections) {
    while ((path.at(-1)?.section.level ?? 0) >= section.level) path.pop()
    const node: Node = { section, children: [] }
    const siblings = path.at(-1)?.children ?? roots
    siblings.push(node)
    path.push(node)
  }
  return roots
}

/**
 * A single heading over the whole document is its title; the text directly under it, and before it,
 * comes first.
 */
function hoistTitle(roots: readonly Node[]): Node[] {
  const last = roots.at(-1)
  if (
    last === undefined ||
    last.children.length === 0 ||
    roots.slice(0, -1).some(({ children }) => children.length > 0)
  )
    return [...roots]
  return [...roots.slice(0, -1), ownText(last), ...last.children]
}

function ownText({ section }: Node): Node {
  return { section, children: [] }
}

function groupIntoStages(tops: readonly Node[]): DraftStage[] {
  return groupLeaves(tops).map((group): DraftStage => {
    if (Array.isArray(group))
      return { title: undefined, modules: [{ title: undefined, drafts: group.flatMap(toDrafts) }] }
    const title = titleOf(group.section)
    const parts = groupLeaves([ownText(group), ...group.children])
    const modules = parts.map((part, index): DraftModule => {
      if (Array.isArray(part)) return { title: index === 0 ? title : undefined, drafts: part.flatMap(toDrafts) }
      return { title: titleOf(part.section), drafts: [ownText(part), ...part.children].flatMap(toDrafts) }
    })
    return { title, modules }
  })
}

/** Adjacent nodes without children form an array; the others are separate. */
function groupLeaves(nodes: readonly Node[]): (Node | Node[])[] {
  const groups: (Node | Node[])[] = []
  for (const node of nodes) {
    const last = groups.at(-1)
    if (node.children.length > 0) groups.push(node)
    else if (Array.isArray(last)) last.push(node)
    else groups.push([node])
  }
  return groups
}

/** Converts a node to one concept with its whole subtree, or to several when it is too long for one. */
function toDrafts(node: Node): Draft[] {
  const sections = sectionsOf(node)
  const draft: Draft = {
    title: titleOf(node.section),
    sections,
    weight: sections.reduce((sum, section) => sum + weigh(section), 0),
    characters: sections.reduce((sum, section) => sum + section.body.length, 0),
  }
  if (!isTooLong(draft) || node.children.length === 0) return [draft]
  return [ownText(node), ...node.children].flatMap(toDrafts)
}

/** Whether a draft has too much text for one concept. */
export function isTooLong({ weight, characters }: Draft): boolean {
  return weight > maxConceptWords || characters > maxConceptCharacters
}

function titleOf({ heading }: Section): string {
  return shownAs(heading)
}

/** Formats a heading as a title: "See also:" is a good heading and a bad title. */
export function shownAs(heading: string): string {
  return trimEndOf(heading, /[\s:]/) || heading
}

function sectionsOf(node: Node): Section[] {
  return [node.section, ...node.children.flatMap(sectionsOf)]
}

const weights = new WeakMap<Section, number>()

/** Counts the words of a section once, as each of the sections above it asks again. */
function weigh(section: Section): number {
  const weight = weights.get(section) ?? countLearningWords(section.body)
  weights.set(section, weight)
  return weight
}

function countLearningWords(body: string): number {
  return countWords(
    body
      .replace(/<[^<>\n]*>/g, ' ')
      .replace(/!?\[[^[\]\n]*\]\(#[^()\n]*\)|!\[[^[\]\n]*\]\([^()\n]*\)/g, ' ')
      .replace(/^ {0,3}\[[^\]\n\r\u2028\u2029]+\]: .*$/gm, ' ')
      .replace(/\]\([^()\n]*\)|https?:\/\/\S+/g, ' '),
  )
}

/** Merges concepts of a few words into the previous one, in their module where possible. */
function mergeSmall(stages: DraftStage[]): void {
  const modules = stages.flatMap((stage) => stage.modules)
  for (const module of modules) {
    const mergedDrafts: Draft[] = []
    for (const draft of module.drafts) {
      const before = mergedDrafts.at(-1)
      if (before !== undefined && Math.min(before.weight, draft.weight) < minConceptWords) join(before, draft)
      else mergedDrafts.push(draft)
    }
    module.drafts = mergedDrafts
  }
  for (const [index, module] of modules.entries()) {
    const [only] = module.drafts
    if (only === undefined || module.drafts.length > 1 || only.weight >= minConceptWords) continue
    const before = modules
      .slice(0, index)
      .findLast(({ drafts }) => drafts.length > 0)
      ?.drafts.at(-1)
    const after = modules.slice(index + 1).find(({ drafts }) => drafts.length > 0)?.drafts
    const first = after?.[0]
    if (before !== undefined) join(before, only)
    else if (after !== undefined && first !== undefined) {
      join(only, first)
      after[0] = only
    } else continue
    module.drafts = []
  }
  for (const stage of stages) stage.modules = stage.modules.filter(({ drafts }) => drafts.length > 0)
}

/** Appends a draft; the one with the greater weight provides the title. */
function join(into: Draft, draft: Draft): void {
  if (draft.weight > into.weight) into.title = draft.title
  into.sections = [...into.sections, ...draft.sections]
  into.weight += draft.weight
  into.characters += draft.characters
}
