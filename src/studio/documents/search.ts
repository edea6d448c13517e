import type { Pool } from 'pg'
import { foldText } from '../text/fold.ts'
import { type SnippetPart, snippetOfHeadline, snippetOfTerms, start, stop } from './snippet.ts'

export type { SnippetPart } from './snippet.ts'

/** A match of a search in a document. */
export interface DocumentMatch {
  readonly documentId: string
  readonly sectionKey: string
  /** The page; null in documents without pages. */
  readonly page: number | null
  readonly snippet: readonly SnippetPart[]
}

interface MatchRow {
  document_id: string
  section_key: string
  page: number | null
  text: string
}

const maxQueryCharacters = 500
/** Maximum number of matches per document, so that a long one does not hide the others. */
const maxPerDocument = 5
/**
 * Scripts written without spaces, which PostgreSQL reads as one long word, and Hangul, which appends
 * particles to words.
 */
const unspaced =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u

/** Parses the query $1. When its last word may be unfinished, $2 is that word and $3 the rest. */
const queryTable = `search_query as (
  select case when $2::text is null then q
    else q || (websearch_to_tsquery('simple', $3) && to_tsquery('simple', quote_literal($2) || ':*')) end as q
  from (select websearch_to_tsquery('english', $1) || websearch_to_tsquery('simple', $1) as q) as typed
)`

/**
 * Whether a passage contains the words $7 of an alternative as parts of others. No index helps, so
 * this is part of the statement only when a query has alternatives.
 */
const hasAlternative = `(p.search @@ w.q and not p.text ilike any ($8))
  or exists (select from jsonb_to_recordset($7) as a(included text[], excluded text[])
    where p.text ilike all (a.included) and not p.text ilike any (a.excluded))`

/**
 * Searches the documents that a user may read: words, "phrases", or, -not, as in search engines;
 * the last word may be a prefix; case and accents are ignored. Best matches first, at most five per
 * document and one per passage of a section.
 *
 * @param options.documentId - searches only this document
 */
export async function searchPassages(
  pool: Pool,
  options: {
    readonly userId: string
    readonly query: string
    readonly limit: number
    readonly documentId?: string | undefined
  },
): Promise<readonly DocumentMatch[]> {
  const searchText = options.query
    .toWellFormed()
    .replaceAll('\0', ' ')
    .slice(0, maxQueryCharacters)
    .replace(/[“”„«»]/g, '"')
  const query = foldText(searchText).trim()
  if (query === '') return []
  const prefix = /(?:^|\s)([\p{L}\p{N}]{3,})$/u.exec(query)?.[1] ?? null
  const words = [query, prefix, prefix === null ? '' : query.slice(0, -prefix.length)]
  const alternatives = unspaced.test(searchText) ? alternativesOf(searchText) : []
  const terms = alternatives.flatMap(({ included }) => included)
  const { rows } = await pool.query<MatchRow>(
    `with ${queryTable}, readable as (
       select id from studio.document
       where (owner = $4 or exists (select from studio.document_share s where s.document_id = id and s.user_id = $4))
         and status = 'READY' and ($5::text is null or id = $5)
     ), found as (
       select p.document_id, p.position, p.section_key, p.page, p.text,
         ts_rank_cd(p.search, w.q, 1) as rank,
         row_number() over (partition by p.document_id order by ts_rank_cd(p.search, w.q, 1) desc, p.position) as place
       from studio.passage p join readable r on r.id = p.document_id cross join search_query w
       where ${alternatives.length === 0 ? 'p.search @@ w.q' : hasAlternative}
     )
     select document_id, section_key, page, text from found
     where place <= ${maxPerDocument} or $5::text is not null
     order by rank desc, document_id, position limit $6`,
    [...words, options.userId, options.documentId ?? null, options.limit, ...patternsOf(alternatives)],
  )
  const headlines = await headlinesOf(pool, words, rows)
  return rows.map(({ document_id, section_key, page, text }, index) => ({
    documentId: document_id,
    sectionKey: section_key,
    page,
    snippet: snippetOfTerms(text, terms) ?? snippetOfHeadline(text, headlines[index] ?? ''),
  }))
}

/** The words that a passage must contain, as parts of others, and those that it must not. */
interface Alternative {
  readonly included: readonly string[]
  readonly excluded: readonly string[]
}

/** A word or a phrase of a query, with the sign that excludes it. */
const operand = /(?<sign>-?)(?:"(?<phrase>[^"]*)"?|(?<word>[^\s"]+))/g

/** Parses a query as `websearch_to_tsquery` does, except that a phrase is the words that it consists of. */
function alternativesOf(query: string): Alternative[] {
  const alternatives: { included: string[]; excluded: string[] }[] = [{ included: [], excluded: [] }]
  for (const { groups = {} } of query.matchAll(operand)) {
    const text = (groups['phrase'] ?? groups['word'] ?? '').trim()
    if (groups['word']?.toLowerCase() === 'or' && groups['sign'] === '')
      alternatives.push({ included: [], excluded: [] })
    else if (groups['sign'] === '-') alternatives.at(-1)?.excluded.push(...[text].filter(isTerm))
    else alternatives.at(-1)?.included.push(...text.split(/\s+/).filter(isTerm))
  }
  return alternatives.filter(({ included }) => included.length > 0)
}

/** Whether a part of a query is more than signs that exclude nothing. */
function isTerm(text: string): boolean {
  return /[^-]/.test(text)
}

/** Returns the parameters of {@link hasAlternative}. */
function patternsOf(alternatives: readonly Alternative[]): readonly unknown[] {
  if (alternatives.length === 0) return []
  const patterns = alternatives.map(({ included, excluded }) => ({
    included: included.map(toPattern),
    excluded: excluded.map(toPattern),
  }))
  return [JSON.stringify(patterns), patterns.flatMap(({ excluded }) => excluded)]
}

/** Returns the pattern of `like` for texts that contain a term. */
function toPattern(term: string): string {
  return `%${term.replace(/[\\%_]/g, '\\$&')}%`
}

/** Excerpts of the folded texts with the matches marked: PostgreSQL knows which words match. */
async function headlinesOf(
  pool: Pool,
  words: readonly (string | null)[],
  rows: readonly MatchRow[],
): Promise<readonly string[]> {
  if (rows.length === 0) return []
  const options = `StartSel=${start},StopSel=${stop},MaxWords=40,MinWords=15,MaxFragments=2,FragmentDelimiter=" … "`
  const { rows: headlines } = await pool.query<{ headline: string }>(
    `with ${queryTable}
     select ts_headline('english', t.text, w.q, $5) as headline
     from unnest($4::text[]) with ordinality as t(text, place) cross join search_query w order by place`,
    [...words, rows.map(({ text }) => foldText(text)), options],
  )
  return headlines.map(({ headline }) => headline)
}
