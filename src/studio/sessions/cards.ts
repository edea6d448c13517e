import { typeid } from 'typeid-js'
import { type Database, keyReused, storableText, TidingsError, withTransaction } from '../../engine.ts'
import type { SessionLog } from './events.ts'
import { lockSession } from './locks.ts'
import { badInput, requireClientId } from './messages.ts'
import { type CardRow, toCard } from './rows.ts'
import type { Card } from './session.ts'

/** The content of a new card. */
export type CardContent =
  | { readonly kind: 'DOCUMENT'; readonly documentId: string; readonly title: string }
  | { readonly kind: 'SECTION'; readonly documentId: string; readonly sectionKey: string; readonly title: string }
  | { readonly kind: 'QUIZ'; readonly quizId: string; readonly title: string }
  | { readonly kind: 'NOTE'; readonly text: string; readonly title: string }

/** The cards of sessions. */
export interface Cards {
  /**
   * Adds a card to a session. The caller must check that the user may share its content: all
   * participants will see it in replies. Adding again with the same client id returns the same
   * card.
   * @throws TidingsError `NOT_FOUND`, `CONFLICT`, `BAD_INPUT`, `IDEMPOTENCY_KEY_REUSED`
   */
  add(card: {
    readonly sessionId: string
    readonly userId: string
    readonly clientId: string
    readonly content: CardContent
    /**
     * Whether the title was derived from the card's content; that title may have changed when the
     * card is added again.
     */
    readonly isTitleDerived: boolean
  }): Promise<Card>
  /**
   * Removes a card; allowed for the user who added it and for the owner of the session.
   * @param sessionIds - restricts to cards of these sessions; null for no restriction
   * @returns the id of its session
   * @throws TidingsError `NOT_FOUND`, `CONFLICT`
   */
  remove(cardId: string, userId: string, sessionIds: readonly string[] | null): Promise<string>
}

/** Maximum length of a note, in characters. */
const maxNoteCharacters = 20_000
const maxTitleCharacters = 200
const maxCards = 50

/** Creates the store of cards. */
export function createCards(options: { readonly database: Database; readonly sessionLog: SessionLog }): Cards {
  const { database, sessionLog } = options
  return {
    add: ({ sessionId, userId, clientId, content, isTitleDerived }) =>
      withTransaction(database, async (client) => {
        requireClientId(clientId)
        const text = content.kind === 'NOTE' ? storableText(content.text).trim() : null
        if (text === '') throw badInput('input.card.note', 'The note says nothing')
        if ((text?.length ?? 0) > maxNoteCharacters)
          throw badInput('input.card.note', `A note has at most ${maxNoteCharacters} characters`)
        const documentId = 'documentId' in content ? content.documentId : null
        const sectionKey = 'sectionKey' in content ? content.sectionKey : null
        const quizId = 'quizId' in content ? content.quizId : null
        const title = storableText(content.title).trim().slice(0, maxTitleCharacters) || 'Without a title'
        await lockSession(client, sessionId, userId)
        const cards = await client.query<CardRow>(
          'select * from studio.session_card where session_id = $1 and added_by = $2 and client_id = $3',
          [sessionId, userId, clientId],
        )
        const [existing] = cards.rows
        if (existing !== undefined) {
          const isSame =
            existing.kind === content.kind &&
            existing.document_id === documentId &&
            existing.section_key === sectionKey &&
            existing.quiz_id === quizId &&
            existing.text === text &&
            (isTitleDerived || existing.title === title)
          if (isSame) return toCard(existing)
          throw keyReused(
            'input.clientId',
            `The client id "${clientId}" was used for another card of this session; use a new one for each card`,
          )
        }
        const { rows } = await client.query<CardRow>(
          `insert into studio.session_card (id, session_id, kind, document_id, section_key, quiz_id, title, text, added_by, client_id, created_at)
           select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp()
           where (select count(*) from studio.session_card where session_id = $2) < ${maxCards} returning *`,
          [
            typeid('card').toString(),
            sessionId,
            content.kind,
            documentId,
            sectionKey,
            quizId,
            title,
            text,
            userId,
            clientId,
          ],
        )
        if (rows[0] === undefined)
          throw new TidingsError('CONFLICT', `The session has ${maxCards} cards; remove one to add another`)
        const card = toCard(rows[0])
        await client.query('update studio.session set last_activity_at = clock_timestamp() where id = $1', [sessionId])
        await sessionLog.append(client, sessionId, [{ type: 'SessionCardAdded', payload: { card } }])
        return card
      }),
    remove: (cardId, userId, sessionIds) =>
      withTransaction(database, async (client) => {
        const missing = new TidingsError('NOT_FOUND', `There is no card "${cardId}"`, { id: cardId })
        const result = await client.query<CardRow>('select * from studio.session_card where id = $1', [cardId])
        const [card] = result.rows
        if (card === undefined || sessionIds?.includes(card.session_id) === false) throw missing
        const session = await lockSession(client, card.session_id, userId).catch((error: unknown) => {
          throw error instanceof TidingsError && error.code === 'NOT_FOUND' ? missing : error
        })
        if (card.added_by !== userId && session.owner !== userId)
          throw new TidingsError('CONFLICT', `Only ${card.added_by} and the owner of the session can remove this card`)
        const { rowCount } = await client.query('delete from studio.session_card where id = $1', [cardId])
        if (rowCount !== 0)
          await sessionLog.append(client, card.session_id, [{ type: 'SessionCardRemoved', payload: { cardId } }])
        return card.session_id
      }),
  }
}
