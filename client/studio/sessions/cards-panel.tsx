import type { ReactElement } from 'react'
import type { SessionCard, SessionState } from '../../apps/sessions/session-state.ts'
import { RemoveContextCardDocument } from '../../gql/graphql.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { Link } from '../parts/link.tsx'
import { useChange } from '../use-change.ts'
import { AddCard } from './add-card.tsx'

const kinds = { DOCUMENT: 'Document', SECTION: 'Section', QUIZ: 'Quiz', NOTE: 'Note' } as const

/** The cards of a session: replies are based on them. */
export function CardsPanel(props: { readonly session: SessionState; readonly me: string | null }): ReactElement {
  const { session, me } = props
  const isOpen = session.closedAt === null
  return (
    <section aria-labelledby="cards">
      <h2 id="cards">Cards</h2>
      {session.cards.length === 0 ? (
        <p className="note">No cards yet. Replies quote cards: add a document, a section, a quiz or a note.</p>
      ) : (
        <ul className="context-cards">
          {session.cards.map((card) => (
            <li key={card.id}>
              <p className="note">{kinds[card.kind]}</p>
              {card.text?.startsWith(card.title) === true ? null : <CardTitle card={card} />}
              {card.text === null ? null : <p className="card-text">{card.text}</p>}
              {isOpen && (card.addedBy === me || session.owner === me) ? <RemoveCard card={card} /> : null}
            </li>
          ))}
        </ul>
      )}
      {isOpen ? (
        <details className="add-card">
          <summary>Add a card</summary>
          <AddCard sessionId={session.id} />
        </details>
      ) : null}
    </section>
  )
}

function RemoveCard({ card: { id, title } }: { readonly card: SessionCard }): ReactElement {
  const { run, isSending, refusal } = useChange(RemoveContextCardDocument)
  return (
    <ActionButton
      name="Remove"
      label={`Remove the card ${title}`}
      className="quiet danger"
      run={() => run({ id })}
      isSending={isSending}
      refusal={refusal}
    />
  )
}

function CardTitle({ card }: { readonly card: SessionCard }): ReactElement {
  const { documentId, quizId, title } = card
  if (documentId !== null)
    return (
      <Link to={{ documentId }} className="context-title">
        {title}
      </Link>
    )
  if (quizId !== null)
    return (
      <Link to={{ quizId }} className="context-title">
        {title}
      </Link>
    )
  return <p className="context-title">{title}</p>
}
