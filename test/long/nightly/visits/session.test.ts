import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { openPage, tryNow, type WatchedPage } from '../../../e2e/support/page.ts'
import { transcript, write } from '../../../e2e/support/session.ts'
import { createWords, wordsUpTo } from '../../../e2e/support/words.ts'
import { startWorld, type World } from '../../../e2e/support/world.ts'
import { secret, signToken } from '../../../server/support.ts'
import { createTcpProxy } from '../../../support/proxy.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([
    shareBrowser(),
    startWorld({ JWT_SECRET: secret, CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '250' }),
  ])
})
afterAll(() => world?.[Symbol.asyncDispose]())

const text = `# Owls

Owls are birds of the night.

## Hearing

Owls hear a mouse under the snow. Their ears sit at different heights, so they know where a sound comes from.

## Flight

Owls fly without a sound, because the edges of their feathers are soft. No mouse hears them come.
`
const ask = <T>(query: string, variables: Record<string, unknown>, token: string): Promise<T> =>
  world.query<T>(query, variables, token)

/** Creates a session of Ada's with a document as its card, in which Bob participates. */
async function makeSession(
  title: string,
  { query: ask }: Pick<World, 'query'> = world,
): Promise<{ readonly id: string; readonly ada: string; readonly bob: string }> {
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((sub) => signToken({ sub }, { expiresInMs: 600_000 })))
  if (ada === undefined || bob === undefined) throw new Error('There are two')
  const { importDocument } = await ask<{ importDocument: { document: { id: string } } }>(
    'mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "owls.md" }) { ... on ImportDocumentSuccess { document { id } } } }',
    { text },
    ada,
  )
  const documentId = importDocument.document.id
  const { createSession } = await ask<{ createSession: { session: { id: string } } }>(
    'mutation ($title: String!) { createSession(input: { clientId: $title, title: $title }) { ... on CreateSessionSuccess { session { id } } } }',
    { title },
    ada,
  )
  const { id } = createSession.session
  await ask(
    'mutation ($id: ID!) { inviteToSession(input: { sessionId: $id, userId: "bob" }) { __typename } }',
    { id },
    ada,
  )
  await vi.waitFor(
    async () => {
      const { document } = await ask<{ document: { status: string } }>(
        'query ($id: ID!) { document(id: $id) { status } }',
        { id: documentId },
        ada,
      )
      expect(document.status).toBe('READY')
    },
    { interval: 50 },
  )
  await ask(
    'mutation ($id: ID!, $documentId: ID!) { addContextCard(input: { sessionId: $id, clientId: "owls", card: { documentId: $documentId } }) { __typename } }',
    { id, documentId },
    ada,
  )
  return { id, ada, bob }
}
/** Opens the session's page as the user of a token. */
async function open(url: string, id: string, token: string): Promise<WatchedPage> {
  const opened = await openPage(browser, url)
  await opened.page.evaluate((value) => sessionStorage.setItem('tidings.token', value), token)
  await opened.page.goto(`${url}/?session=${id}`)
  await opened.page.getByLabel('Message', { exact: true }).waitFor()
  return opened
}
const until = (expectation: () => Promise<unknown>): Promise<unknown> => vi.waitFor(expectation, { interval: 50 })

describe('a session in the Studio', () => {
  test('is the same for two users that write at once, one of them over a connection that keeps breaking', async () => {
    const { id, ada, bob } = await makeSession('Two at once')
    await using proxy = await createTcpProxy(world.port)
    await using hers = await open(world.url, id, ada)
    await using his = await open(`http://127.0.0.1:${proxy.port}`, id, bob)
    await until(async () => expect(await hers.page.locator('.people [data-here="true"]').count()).toBe(2))

    // Cut repeatedly, at any point of a frame or request: each time after he has reconnected.
    let isBad = true
    const atFirst = proxy.accepted
    const spoil = (async () => {
      for (let cut = 0; isBad; cut++) {
        const before = proxy.accepted
        proxy.cutAfter(400 + ((cut * 379) % 4_000), cut % 3 === 0 ? 'toServer' : 'toClient')
        await until(async () => expect(isBad && proxy.accepted === before).toBe(false))
      }
      await proxy.heal()
    })()
    for (let n = 1; n <= 6; n++) {
      await write(hers.page, `Hers ${n}`)
      await write(his.page, `His ${n}`)
    }
    await write(hers.page, 'How do owls hear a mouse?', { isAsked: true })
    isBad = false
    await spoil
    const all = ['How do owls hear a mouse?', ...[1, 2, 3, 4, 5, 6].flatMap((n) => [`Hers ${n}`, `His ${n}`])]
    await until(async () => {
      const lines = await transcript(hers.page)
      expect(lines).toHaveLength(all.length + 1)
      expect(lines.some((line) => line.includes('Owls hear a mouse under the snow.'))).toBe(true)
      expect(await hers.page.locator('.reply[data-status="COMPLETED"]').count()).toBe(1)
    })
    const lines = await transcript(hers.page)
    await until(async () => expect(await transcript(his.page)).toEqual(lines))
    expect(lines.map((line) => Number.parseInt(line, 10))).toEqual(lines.map((_, index) => index + 1))
    // Each once, and the messages of each user in the order in which they were written.
    for (const said of all) expect(lines.filter((line) => line.endsWith(` ${said}`))).toHaveLength(1)
    for (const who of ['Hers', 'His']) {
      const own = lines.filter((line) => line.includes(` ${who} `)).map((line) => line.slice(-1))
      expect(own).toEqual(['1', '2', '3', '4', '5', '6'])
    }
    for (const { page } of [hers, his]) expect(await page.locator('[data-unsent]').count()).toBe(0)
    expect(proxy.accepted).toBeGreaterThan(atFirst)
    // A reload shows the same as before.
    await his.page.reload()
    await until(async () => expect(await transcript(his.page)).toEqual(lines))
    expect(hers.errors).toEqual([])
  })

  test('admits a user by a link only after they agree, and not after the owner revoked it', async () => {
    const { id, ada } = await makeSession('By link')
    const eve = await signToken({ sub: 'eve' }, { expiresInMs: 600_000 })
    await using hers = await open(world.url, id, ada)
    const people = hers.page.getByRole('region', { name: /^People/ })
    await people.getByLabel('For one person only').check()
    await people.getByRole('button', { name: 'Create link' }).click()
    const address = await people.getByLabel(/It is shown only once/).inputValue()
    expect(new URL(address).search).toBe('?page=sessions')
    await people.getByText(/for one person, not used/).waitFor()

    await using his = await openPage(browser, world.url)
    await his.page.evaluate((value) => sessionStorage.setItem('tidings.token', value), eve)
    // A link of the previous version, which had the token in the query.
    await his.page.goto(address.replace('#', '&'))
    await his.page.getByRole('heading', { name: 'Join a session?' }).waitFor()
    expect(his.page.url()).toBe(address)
    const { session } = await ask<{ session: unknown }>('query ($id: ID!) { session(id: $id) { id } }', { id }, eve)
    expect(session).toBeNull()
    await his.page.getByRole('button', { name: 'Decline' }).click()
    await his.page.getByRole('heading', { name: 'Join a session?' }).waitFor({ state: 'detached' })
    expect(his.page.url()).toBe(`${world.url}/?page=sessions`)

    await his.page.goto(address)
    await his.page.getByRole('button', { name: 'Join' }).click()
    await his.page.getByLabel('Message', { exact: true }).waitFor()
    expect(his.page.url()).toBe(`${world.url}/?session=${id}`)
    await people.getByText('eve', { exact: true }).waitFor()

    await people.getByText(/for one person, used once/).waitFor()
    await people.getByRole('button', { name: /^Revoke the link/ }).click()
    await people.getByRole('heading', { name: 'Links' }).waitFor({ state: 'detached' })
    expect(hers.errors).toEqual([])
  })

  test('keeps messages written offline, shows them at once, and sends each once and in order', async () => {
    const { id, ada, bob } = await makeSession('Offline')
    await using proxy = await createTcpProxy(world.port)
    await using hers = await open(world.url, id, ada)
    await using his = await open(`http://127.0.0.1:${proxy.port}`, id, bob)
    await write(his.page, 'Before')
    await until(async () => expect(await transcript(hers.page)).toEqual(['1 Before']))
    proxy.refuse()
    proxy.resetAll()
    await until(async () => expect(await his.page.getByText(/reconnecting/i).count()).toBeGreaterThan(0))
    for (const n of [1, 2, 3]) await write(his.page, `Offline ${n}`)
    await until(async () =>
      expect(await his.page.locator('[data-unsent] .message-body').allTextContents()).toEqual([
        'Offline 1',
        'Offline 2',
        'Offline 3',
      ]),
    )
    await his.page.locator('[data-unsent="waiting"]').nth(1).getByRole('button', { name: 'Undo' }).click()
    await write(hers.page, 'Meanwhile')
    await until(async () => expect(await transcript(hers.page)).toEqual(['1 Before', '2 Meanwhile']))
    await proxy.accept()
    const all = ['1 Before', '2 Meanwhile', '3 Offline 1', '4 Offline 3']
    for (const { page } of [hers, his]) await until(async () => expect(await transcript(page)).toEqual(all))
    expect(await his.page.locator('[data-unsent]').count()).toBe(0)
  })

  test('shows presence, typing and new messages; streams a reply that the other user may stop', async () => {
    // The model holds the reply open until it is stopped.
    await using world = await startWorld({ JWT_SECRET: secret })
    const words = createWords()
    world.model.answer = () => words.text()
    const { id, ada, bob } = await makeSession('Here and now', world)
    await using hers = await open(world.url, id, ada)
    {
      await using his = await open(world.url, id, bob)
      await until(async () => expect(await hers.page.locator('.people [data-here="true"]').count()).toBe(2))
      await his.page.getByLabel('Message', { exact: true }).pressSequentially('Ho')
      await until(async () => expect(await hers.page.getByText('bob is typing …').count()).toBe(1))
      await his.page.getByLabel('Message', { exact: true }).fill('')
      await until(async () => expect(await hers.page.getByText('bob is typing …').count()).toBe(0))
      await write(hers.page, 'How do owls fly, and how do they hear a mouse?', { isAsked: true })
      words.next(3)
      await his.page.locator('.reply[data-status="WRITING"]').getByText(wordsUpTo(3)).waitFor()
      await his.page.getByRole('button', { name: 'Stop' }).click()
      for (const { page } of [hers, his])
        await until(async () => expect(await page.locator('.reply[data-status="STOPPED"]').count()).toBe(1))
    }
    await until(async () => expect(await hers.page.locator('.people [data-here="true"]').count()).toBe(1))
    words.end()
    world.model.answer = () => ['Their feathers are soft [1].']
    await hers.page.getByRole('button', { name: 'Regenerate' }).click()
    await until(async () => expect(await hers.page.locator('.reply[data-status="COMPLETED"]').count()).toBe(1))
    expect(await hers.page.locator('.reply').textContent()).toContain('Their feathers are soft')

    // She opens another page; messages that arrive meanwhile are announced, and marked when she
    // returns.
    await hers.page.getByRole('link', { name: 'Sessions' }).click()
    for (const n of [1, 2])
      await world.query(
        'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }',
        { input: { sessionId: id, clientId: `b${n}`, text: `Meanwhile ${n}`, wantsReply: false } },
        bob,
      )
    await hers.page.reload()
    const card = hers.page.getByRole('listitem').filter({ hasText: 'Here and now' })
    await until(async () => expect(await card.getByText('2 new').count()).toBe(1))
    await card.getByRole('link').click()
    await until(async () => expect(await hers.page.getByText('New messages').count()).toBe(1))
    await until(async () => expect((await transcript(hers.page)).slice(-2)).toEqual(['3 Meanwhile 1', '4 Meanwhile 2']))
    await write(hers.page, 'I am back')
    await until(async () => expect(await hers.page.getByText('New messages').count()).toBe(0))
  })

  test('restarts a reply visibly when the server that wrote it was killed', async () => {
    await using world = await startWorld({ JWT_SECRET: secret }, { canCrash: true })
    const words = createWords()
    world.model.answer = () => words.text()
    const { id, ada } = await makeSession('Killed', world)
    await using hers = await open(world.url, id, ada)
    await write(hers.page, 'How do owls fly, and how do they hear a mouse?', { isAsked: true })
    words.next(3)
    await hers.page.locator('.reply[data-status="WRITING"]').getByText(wordsUpTo(3)).waitFor()
    await world.crash()
    await world.restart()
    await tryNow(hers.page)
    await hers.page.getByText('Writing, attempt 2 …').waitFor()
    words.next(2)
    words.end()
    await hers.page.locator('.reply[data-status="COMPLETED"]').waitFor()
    expect(await hers.page.locator('.reply').count()).toBe(1)
    expect((await transcript(hers.page))[1]).toBe(`2 ${wordsUpTo(5)}`)
    expect(hers.errors).toEqual([])
  })
})
