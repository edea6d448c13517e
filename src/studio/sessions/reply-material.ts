import type { Database } from '../../engine.ts'
import type { ReplyPassage } from '../content/reply.ts'
import { foldText } from '../text/fold.ts'

/** A passage of one of a session's cards. */
interface CardPassage extends ReplyPassage {
  readonly cardId: string
  readonly sectionKey: string | null
}

/** The material of a reply. */
interface ReplyMaterial {
  readonly question: string
  readonly history: readonly { readonly author: string | null; readonly text: string }[]
  readonly cardCount: number
  /** Best first. */
  readonly passages: readonly CardPassage[]
}

const maxHistory = 20
const maxPassages = 8
/** Maximum per card, so that a long document does not hide the others. */
const maxPerCard = 4
const longestQuestion = 2_000
/**
 * Characters that no stored text contains: they are removed when a document is read, and here from
 * user-written text.
 */
const start = '\u0001'
const stop = '\u0002'

/**
 * Reads the question, the previous messages, and the passages of the session's cards that match the
 * question's words.
 */
export async function readReplyMaterial(
  { pool }: Database,
  { sessionId, replyId }: { readonly sessionId: string; readonly replyId: string },
): Promise<ReplyMaterial> {
  const { rows: messages } = await pool.query<{ author: string | null; body: string }>(
    `select m.author, m.body from studio.session_message m
     join studio.session_message reply on reply.id = $2
     join studio.session_message asked on asked.id = reply.reply_to
     where m.session_id = $1 and m.position <= asked.position and m.body <> ''
     order by m.position desc limit ${maxHistory + 1}`,
    [sessionId, replyId],
  )
  const [questionMessage, ...before] = messages
  const question = questionMessage?.body ?? ''
  const cards = await pool.query<{ n: number }>('select count(*) as n from studio.session_card where session_id = $1', [
    sessionId,
  ])
  return {
    question,
    history: before.reverse().map(({ author, body }) => ({ author, text: body })),
    cardCount: cards.rows[0]?.n ?? 0,
    passages: await findPassages(pool, sessionId, question.slice(0, longestQuestion)),
  }
}

interface PassageRow {
  card_id: string
  title: string
  section_key: string | null
  heading: string
  page: number | null
  marked: string
}

/**
 * Full-text search over all cards: documents and sections by the index of their passages, notes and
 * quiz questions directly. Any word of the question may match, as users ask in whole sentences;
 * passages with the most words rank first. A document is searched only while the user who added its
 * card may read it: otherwise a revoked share would remain effective through the card.
 */
async function findPassages(
  pool: Database['pool'],
  sessionId: string,
  question: string,
): Promise<readonly CardPassage[]> {
  const { rows } = await pool.query<PassageRow>(
    `with search_query as (
       select string_agg(quote_literal(lexeme), ' | ')::tsquery as q
       from unnest(tsvector_to_array(to_tsvector('english', $2))) as l(lexeme)
     ), card as (
       select * from studio.session_card where session_id = $1
     ), message_text as (
       select c.id as card_id, c.title, p.section_key,
         coalesce((select heading from studio.section s where s.document_id = p.document_id and s.key = p.section_key), p.heading) as heading,
         p.page, p.text, p.search
       from card c
       join studio.document d on d.id = c.document_id
         and (d.owner = c.added_by or exists (select from studio.document_share s where s.document_id = d.id and s.user_id = c.added_by))
       join studio.passage p on p.document_id = d.id and (c.kind = 'DOCUMENT' or p.section_key = c.section_key)
       cross join search_query w where p.search @@ w.q
       union all
       select c.id, c.title, null, '', null, translate(c.text, '${start}${stop}', ''), to_tsvector('english', c.text)
       from card c where c.kind = 'NOTE'
       union all
       select c.id, c.title, null, '', null, t.text, to_tsvector('english', t.text)
       from card c join studio.question q on q.quiz_id = c.quiz_id
       join studio.question_version v on v.question_id = q.id and v.version = q.version
       cross join lateral (
         select translate(concat_ws(' ', v.body->>'explanation', v.body->'citation'->>'quotation'), '${start}${stop}', '') as text
       ) t
     ), ranked as (
       select s.*, ts_rank(s.search, w.q, 1) as rank,
         row_number() over (partition by s.card_id order by ts_rank(s.search, w.q, 1) desc, s.text) as place
       from message_text s cross join search_query w where s.search @@ w.q
     )
     select card_id, title, section_key, heading, page,
       ts_headline('english', text, w.q, 'HighlightAll=true, StartSel=${start}, StopSel=${stop}') as marked
     from (select * from ranked where place <= ${maxPerCard} order by rank desc, card_id, place limit ${maxPassages}) as best
     cross join search_query w order by rank desc, card_id, place`,
    // Passages are indexed folded, notes and questions as they are written.
    [sessionId, `${question} ${foldText(question)}`],
  )
  return rows.map(({ card_id, title, section_key, heading, page, marked }) => ({
    cardId: card_id,
    source: title,
    sectionKey: section_key,
    heading,
    page,
    ...readMarks(marked),
  }))
}

/** Splits marked text into the plain text and the positions of the marks. */
export function readMarks(marked: string): Pick<ReplyPassage, 'text' | 'matches'> {
  let text = ''
  const matches: { start: number; end: number }[] = []
  for (const [index, piece] of marked.split(start).entries()) {
    const [match = '', rest] = index === 0 ? [undefined, piece] : piece.split(stop, 2)
    if (index > 0) matches.push({ start: text.length, end: text.length + match.length })
    text += match + (rest ?? '')
  }
  return { text, matches }
}
