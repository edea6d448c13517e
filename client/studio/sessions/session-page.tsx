import { type ReactElement, useSyncExternalStore } from 'react'
import { useQuery } from 'urql'
import type { SessionState } from '../../apps/sessions/session-state.ts'
import { useSession } from '../../apps/sessions/use-session.ts'
import { CloseSessionDocument, LeaveSessionDocument, SessionViewerDocument } from '../../gql/graphql.ts'
import { describeError } from '../../react/index.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { formatMinute } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { repeatable, useChange } from '../use-change.ts'
import { CardsPanel } from './cards-panel.tsx'
import { Composer } from './composer.tsx'
import { MessageList } from './message-list.tsx'
import { People } from './people.tsx'
import { useEarlier } from './use-earlier.ts'
import { useReadPosition } from './use-read-position.ts'

/** A session page: the conversation, its cards, and its participants. */
export function SessionPage({ id }: { readonly id: string }): ReactElement {
  const { session, unsent, error, send, discard } = useSession(id)
  const [{ data }] = useQuery({ query: SessionViewerDocument })
  const me = data?.viewer?.id ?? null
  const earlier = useEarlier(session)
  const readPosition = useReadPosition(id)
  const isWide = useIsWide()
  useTitle(session?.title)
  if (error !== null || session === null)
    return (
      <p className="page-note" role={error === null ? 'status' : 'alert'}>
        {describeError(error) ?? 'Loading …'} <Link to={{ page: 'sessions' }}>Sessions</Link>
      </p>
    )
  const main = (
    <div key="main" className="session-main">
      <MessageList
        earlier={earlier}
        unsent={unsent}
        cards={session.cards}
        me={me}
        seen={readPosition}
        discard={discard}
        send={send}
      >
        <p className="page-note note">
          Nothing was said yet. Add a card, and ask about it: the answer is quoted from the cards, for everybody here.
        </p>
      </MessageList>
      {session.closedAt === null ? (
        <Composer
          sessionId={id}
          typing={session.typing.filter((userId) => userId !== me)}
          onSend={(text, options) => {
            readPosition.clear()
            send(text, options)
          }}
        />
      ) : (
        <p className="closed note">This session is closed and read-only.</p>
      )}
    </div>
  )
  const side = (
    <details key="side" className="session-side" open={isWide}>
      <summary>
        Cards and people <span className="note">{session.present.length} here</span>
      </summary>
      <CardsPanel session={session} me={me} />
      <People session={session} me={me} />
    </details>
  )
  return (
    <div className="session">
      <Head session={session} me={me} />
      {/* On a phone the side panel is above the conversation, so it also comes first for keyboard and screen reader users. */}
      {isWide ? [main, side] : [side, main]}
    </div>
  )
}

const count = new Intl.NumberFormat()

function Head({ session, me }: { readonly session: SessionState; readonly me: string | null }): ReactElement {
  const { id, title, owner, closedAt, statistics } = session
  const { go } = useRoute()
  const leave = useChange(LeaveSessionDocument, repeatable)
  const close = useChange(CloseSessionDocument, repeatable)
  return (
    <header className="session-head">
      <div>
        <h1>{title}</h1>
        {statistics === null || statistics.messageCount === 0 ? null : (
          <p className="note">
            {count.format(statistics.messageCount)} messages, about {count.format(statistics.tokenCount)} tokens, last
            at <time dateTime={statistics.lastActivityAt}>{formatMinute(statistics.lastActivityAt)}</time>
          </p>
        )}
      </div>
      {owner === me && closedAt === null ? (
        <ConfirmButton
          name="Close"
          label="Close the session"
          question="Close the session for everybody?"
          yes="Close it"
          no="Leave it open"
          act={async () => (await close.run({ id })) !== undefined}
          isSending={close.isSending}
          refusal={close.refusal}
        >
          Nothing is added to it any more. It can still be read.
        </ConfirmButton>
      ) : null}
      {owner !== me && me !== null ? (
        <ConfirmButton
          name="Leave"
          label="Leave the session"
          question="Leave the session?"
          yes="Leave it"
          no="Stay"
          act={async () => {
            const hasLeft = (await leave.run({ id })) !== undefined
            if (hasLeft) go({ page: 'sessions' })
            return hasLeft
          }}
          isSending={leave.isSending}
          refusal={leave.refusal}
        >
          What you wrote stays. To come in again you need an invitation.
        </ConfirmButton>
      ) : null}
    </header>
  )
}

/** The same breakpoint as in styles/session.css. */
const wide = '(width > 56rem)'

/** Whether the cards fit beside the conversation. */
function useIsWide(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(wide).matches)
}

function subscribe(listener: () => void): () => void {
  const query = window.matchMedia(wide)
  query.addEventListener('change', listener)
  return () => query.removeEventListener('change', listener)
}
