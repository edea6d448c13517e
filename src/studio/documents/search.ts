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
const wanted = `wanted as (
  select case when $2::text is null then q
    else q || (websearch_to_tsquery('simple', $3) && to_tsquery('simple', quote_literal($2) || ':*')) end as q
  from (select websearch_to_tsquery('english', $1) || websearch_to_tsquery('simple', $1) as q) as typed
)`

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
  const typed = options.query.toWellFormed().replaceAll('\0', ' ').slice(0, maxQueryCharacters)
  const query = foldText(typed.replace(/[“”„«»]/g, '"')).trim()
  if (query === '') return []
  const unfinished = /(?:^|\s)([\p{L}\p{N}]{3,})$/u.exec(query)?.[1] ?? null
  const words = [query, unfinished, unfinished === null ? '' : query.slice(0, -unfinished.length)]
  const terms = termsOf(typed)
  const { rows } = await pool.query<MatchRow>(
    `with ${wanted}, readable as (
       select id from document
       where (owner = $4 or exists (select from document_share s where s.document_id = id and s.user_id = $4))
         and status = 'READY' and ($5::text is null or id = $5)
     ), found as (
       select p.document_id, p.position, p.section_key, p.page, p.text,
         ts_rank_cd(p.search, w.q, 1) as rank,
         row_number() over (partition by p.document_id order by ts_rank_cd(p.search, w.q, 1) desc, p.position) as place
       from passage p join readable r on r.id = p.document_id cross join wanted w
       where p.search @@ w.q or ($6::text[] is not null and p.text ilike all ($6))
     )
     select document_id, section_key, page, text from found
     where place <= ${maxPerDocument} or $5::text is not null
     order by rank desc, document_id, position limit $7`,
    [
      ...words,
      options.userId,
      options.documentId ?? null,
      terms.length === 0 ? null : terms.map((term) => `%${term.replace(/[\\%_]/g, '\\$&')}%`),
      options.limit,
    ],
  )
  const headlines = await headlinesOf(pool, words, rows)
  return rows.map(({ document_id, section_key, page, text }, index) => ({
    documentId: document_id,
    sectionKey: section_key,
    page,
    snippet: snippetOfTerms(text, terms) ?? snippetOfHeadline(text, headlines[index] ?? ''),
  }))
}

/** The words to find as parts of others; empty when all scripts of the query are written with spaces. */
function termsOf(query: string): string[] {
  if (!unspaced.test(query)) return []
  return query
    .split(/[\s"“”„«»\u3000]+/)
    .filter((term) => term !== '' && !term.startsWith('-') && term.toLowerCase() !== 'or')
}

/** Excerpts of the folded texts with the matches marked: PostgreSQL knows which words match. */
async function headlinesOf(
  pool: Pool,
  words: readonly (string | null)[],
  rows: readonly MatchRow[],
): Promise<readonly string[]> {
  if (rows.length === 0) return []
  const options = `StartSel=${start},StopSel=${stop},MaxWords=40,MinWords=15,MaxFragments=2,FragmentDelimiter=" … "`
  const { rows: found } = await pool.query<{ headline: string }>(
    `with ${wanted}
     select ts_headline('english', t.text, w.q, $5) as headline
     from unnest($4::text[]) with ordinality as t(text, place) cross join wanted w order by place`,
    [...words, rows.map(({ text }) => foldText(text)), options],
  )
  return found.map(({ headline }) => headline)
}
