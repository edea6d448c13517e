import type { Pool } from 'pg'

/** A part of a snippet. */
export interface SnippetPart {
  readonly text: string
  /** Whether the part matches the query. */
  readonly isMatch: boolean
}

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
  headline: string
}

/** Characters that no stored text contains: they are removed when a document is read. */
const start = '\u0001'
const stop = '\u0002'
const maxQueryCharacters = 500
/** Maximum number of matches per document, so that a long one does not hide the others. */
const maxPerDocument = 5
/** Scripts written without spaces, in which PostgreSQL sees one word instead of many. */
const ideographs = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u

/**
 * Searches the documents that a user may read: words, "phrases", or, -not, as in search engines;
 * the last word may be a prefix. Best matches first, at most five per document and one per passage
 * of a section.
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
  const query = options.query.toWellFormed().replaceAll('\0', ' ').slice(0, maxQueryCharacters).trim()
  if (query === '') return []
  const unfinished = /(?:^|\s)([\p{L}\p{N}]{3,})$/u.exec(query)?.[1] ?? null
  const within = ideographs.test(query) ? `%${query.replace(/[\\%_]/g, '\\$&')}%` : null
  const { rows } = await pool.query<MatchRow>(
    `with wanted as (
       select case when $5::text is null then q
         else q || (websearch_to_tsquery('simple', $6) && to_tsquery('simple', quote_literal($5) || ':*')) end as q
       from (select websearch_to_tsquery('english', $2) || websearch_to_tsquery('simple', $2) as q) as given
     ), readable as (
       select id from document
       where (owner = $1 or exists (select from document_share s where s.document_id = id and s.user_id = $1))
         and status = 'READY' and ($4::text is null or id = $4)
     ), found as (
       select p.document_id, p.position, p.section_key, p.page, p.text,
         ts_rank_cd(p.search, w.q, 1) as rank,
         row_number() over (partition by p.document_id order by ts_rank_cd(p.search, w.q, 1) desc, p.position) as place
       from passage p join readable r on r.id = p.document_id cross join wanted w
       where p.search @@ w.q or ($7::text is not null and p.text like $7)
     )
     select document_id, section_key, page,
       ts_headline('english', text, w.q, $8) as headline
     from (select * from found where place <= ${maxPerDocument} or $4::text is not null
           order by rank desc, document_id, position limit $3) as best cross join wanted w
     order by rank desc, document_id, position`,
    [
      options.userId,
      query,
      options.limit,
      options.documentId ?? null,
      unfinished,
      unfinished === null ? '' : query.slice(0, -unfinished.length),
      within,
      `StartSel=${start},StopSel=${stop},MaxWords=40,MinWords=15,MaxFragments=2,FragmentDelimiter=" … "`,
    ],
  )
  return rows.map(({ document_id, section_key, page, headline }) => ({
    documentId: document_id,
    sectionKey: section_key,
    page,
    snippet: toParts(headline),
  }))
}

function toParts(headline: string): SnippetPart[] {
  return headline.split(start).flatMap((piece, index): SnippetPart[] => {
    if (index === 0) return piece === '' ? [] : [{ text: piece, isMatch: false }]
    const [match = '', rest = ''] = piece.split(stop, 2)
    return [{ text: match, isMatch: true }, ...(rest === '' ? [] : [{ text: rest, isMatch: false }])]
  })
}
