import type { Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { openTab, patience, says, tryNow, type WatchedPage } from './page.ts'
import { makeProject } from './project.ts'
import { birdsText, type Scene } from './scene.ts'
import { transcript, write } from './session.ts'
import { wordsUpTo } from './words.ts'

/** A page of the Studio with a user. Rounds are counted from 1. */
interface StudioPage {
  /** Starts something that continues for the whole round. */
  begin?(round: number): Promise<void>
  /** Performs a user action, without waiting for the server. */
  act?(round: number): Promise<void>
  /** Waits until it shows the user's actions and the automatic progress, each once. */
  shows(round: number): Promise<void>
  /** Waits until the started work is shown as ended. */
  end?(round: number): Promise<void>
}

/** Every page of the Studio at once, each in a separate tab. */
export interface Studio {
  readonly tabs: readonly WatchedPage[]
  /** Begins a round: a text, a quiz, a reply and a project are being written. */
  begin(): Promise<void>
  /** Performs a user action on every page. */
  act(): Promise<void>
  /** Advances the work and the changes made elsewhere; the server must be up. */
  happen(): Promise<void>
  /** Waits until all pages show all of it, each once, and none is waiting. */
  show(): Promise<void>
  /** Waits until the started work has ended, on all pages. */
  end(): Promise<void>
  /** Waits until all pages show this text as the state of their connection. */
  say(title: string): Promise<void>
  /**
   * Presses "Try now" on all pages until all are live, rather than waiting for the pauses between
   * tries, which have grown long.
   */
  tryNow(): Promise<void>
}

const reviewed = 8
/** Waits until the read value matches; like `expect.poll`, which works within tests only. */
const soon = (read: () => Promise<unknown>) => {
  const until = (check: (value: unknown) => void): Promise<void> =>
    vi.waitFor(async () => check(await read()), { ...patience, interval: 50 })
  // Many wait at once: a failure names its read.
  const what = String(read)
  return {
    toBe: (wanted: unknown) => until((value) => expect(value, what).toBe(wanted)),
    toEqual: (wanted: unknown) => until((value) => expect(value, what).toEqual(wanted)),
    toMatch: (wanted: RegExp) => until((value) => expect(value, what).toMatch(wanted)),
  }
}

/** Opens every page of the Studio. */
export async function openStudio(scene: Scene): Promise<Studio> {
  const { url, hers, ask } = scene
  const tabs: WatchedPage[] = []
  const open = async (path: string, context = hers): Promise<Page> => {
    const tab = await openTab(context, `${url}${path}`)
    tabs.push(tab)
    return tab.page
  }
  const pages: StudioPage[] = [
    ...(await openRoadmap(scene, open)),
    ...(await openDocuments(open)),
    ...(await openQuizzes(scene, open)),
    ...(await openSessions(scene, open)),
    ...(await openProjects(scene, open)),
    ...(await openInbox(open)),
    ...(await openFigures(scene, open, () => tabs.length)),
    // Last: it shows what the others have started.
    ...(await openHome(open)),
  ]
  let round = 0
  const all = async (what: (page: StudioPage) => Promise<void> | undefined): Promise<void> => {
    await Promise.all(pages.map(async (page) => what(page)))
  }
  return {
    tabs,
    async begin() {
      round++
      scene.words.rewrite()
      const [last, ...others] = pages.toReversed()
      await Promise.all(others.map(async (page) => page.begin?.(round)))
      await last?.begin?.(round)
    },
    act: () => all((page) => page.act?.(round)),
    async happen() {
      scene.words.tell(3)
      scene.questions++
      await ask('mutation ($input: NotifyInput!) { notify(input: $input) { __typename } }', {
        input: { title: `Told ${round}`, level: 'INFORMATION' },
      })
    },
    async show() {
      await all((page) => page.shows(round))
      for (const { page, errors } of tabs) {
        expect(await page.getByText('Loading …').count()).toBe(0)
        expect(errors).toEqual([])
      }
    },
    async end() {
      scene.words.end()
      await all((page) => page.end?.(round))
    },
    async say(title) {
      await Promise.all(tabs.map(({ page }) => says(page, title)))
    },
    async tryNow() {
      await Promise.all(tabs.map(({ page }) => tryNow(page)))
    },
  }
}

type Open = (path: string, context?: Scene['hers']) => Promise<Page>

/** One text is being written; another is regenerated. */
async function openRoadmap({ world, token, words }: Scene, open: Open): Promise<StudioPage[]> {
  const page = await open(`/?roadmap=${await world.makeRoadmap({ token })}`)
  const article = page.getByRole('article')
  const makeAgain = async (concept: string): Promise<void> => {
    await page.getByRole('link', { name: new RegExp(`^Quiz of ${concept}`) }).click()
    await page.getByRole('button', { name: `Regenerate: Quiz of ${concept}` }).click()
  }
  const look = async (concept: string, text: string, state: string): Promise<void> => {
    const link = page.getByRole('link', { name: `Quiz of ${concept}, ${state}` })
    await link.waitFor(patience)
    await link.click()
    await article.getByText(text, { exact: true }).waitFor(patience)
  }
  return [
    {
      async begin() {
        await makeAgain('Owls')
        await page.getByRole('link', { name: 'Quiz of Owls, generating' }).waitFor(patience)
      },
      act: () => makeAgain('Robins'),
      async shows(round) {
        // Requested once each time, otherwise it would be a later version.
        await look('Robins', `The quiz of Robins. The ${round + 1}. version.`, 'ready')
        await look('Owls', wordsUpTo(words.told), 'generating')
      },
      end: () => look('Owls', wordsUpTo(words.told), 'ready'),
    },
  ]
}

/** A file is uploaded, and opens automatically. */
async function openDocuments(open: Open): Promise<StudioPage[]> {
  const page = await open('/?page=documents')
  return [
    {
      act: (round) =>
        page
          .getByRole('region', { name: 'Upload documents' })
          .locator('input[type=file]')
          .setInputFiles([
            {
              name: `paper-${round}.md`,
              mimeType: 'text/markdown',
              buffer: Buffer.from(`# Paper ${round}\n\nWords.\n`),
            },
          ]),
      async shows(round) {
        await page.getByRole('heading', { name: `Paper ${round}`, level: 1 }).waitFor(patience)
        await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Documents' }).click()
        const list = page.getByRole('list', { name: 'Your documents' })
        const papers = Array.from({ length: round }, (_, index) => `Paper ${round - index}`)
        await soon(() => list.getByRole('link', { name: /^Paper/ }).allTextContents()).toEqual(papers)
      },
    },
  ]
}

/** One quiz is being generated, another one is reviewed. */
async function openQuizzes(scene: Scene, open: Open): Promise<StudioPage[]> {
  const { ask, untilDone, url } = scene
  const { importDocument } = await ask<{ importDocument: { document: { id: string } } }>(
    'mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "birds.md" }) { ... on ImportDocumentSuccess { document { id } } } }',
    { text: birdsText },
  )
  const { id } = importDocument.document
  await soon(() => ask('query ($id: ID!) { document(id: $id) { status } }', { id })).toEqual({
    document: { status: 'READY' },
  })
  const generate =
    'mutation ($id: ID!, $count: Int!) { generateQuiz(input: { documentId: $id, questionCount: $count }) { ... on GenerateQuizSuccess { quiz { id } task { id } } } }'
  scene.questions = reviewed
  await untilDone(generate, 'generateQuiz', { id, count: reviewed })
  const { quizzes } = await ask<{ quizzes: { nodes: { id: string }[] } }>('{ quizzes { nodes { id } } }')
  const review = await open(`/?quiz=${quizzes.nodes[0]?.id}`)
  const making = await open('/')
  return [
    {
      act: (round) => review.getByRole('button', { name: `Accept: question ${round}`, exact: true }).click(),
      shows: (round) => review.getByText(`${round} of ${reviewed} accepted`).waitFor(patience),
    },
    {
      async begin() {
        scene.questions = 1
        const { generateQuiz } = await ask<{ generateQuiz: { quiz: { id: string } } }>(generate, {
          id,
          count: reviewed,
        })
        await making.goto(`${url}/?quiz=${generateQuiz.quiz.id}`)
      },
      async shows() {
        await soon(() => making.locator('.question').count()).toBe(scene.questions)
        // The panel lists it, too.
        await making.getByRole('main').getByRole('progressbar', { name: 'Generating quiz' }).waitFor(patience)
      },
      async end() {
        scene.questions = reviewed
        await soon(() => making.locator('.question').count()).toBe(reviewed)
        await making.getByRole('button', { name: 'Publish' }).waitFor(patience)
      },
    },
  ]
}

/**
 * A session of two users with a reply that is being written; and the list, where another one is
 * created.
 */
async function openSessions({ ask, his, words }: Scene, open: Open): Promise<StudioPage[]> {
  const { createSession } = await ask<{ createSession: { session: { id: string } } }>(
    'mutation { createSession(input: { clientId: "talk", title: "Talk" }) { ... on CreateSessionSuccess { session { id } } } }',
  )
  const { id } = createSession.session
  await ask('mutation ($id: ID!) { inviteToSession(input: { sessionId: $id, userId: "bob" }) { __typename } }', { id })
  const [ada, bob] = [await open(`/?session=${id}`), await open(`/?session=${id}`, his)]
  const list = await open('/?page=sessions')
  const replies = (page: Page, status: string) => page.locator(`.reply[data-status="${status}"]`)
  return [
    {
      begin: (round) => write(ada, `Question ${round}`, { isAsked: true }),
      async act(round) {
        await Promise.all([write(ada, `Hers ${round}`), write(bob, `His ${round}`)])
        await write(ada, `Hers again ${round}`)
      },
      async shows(round) {
        const said = (who: string): string[] => Array.from({ length: round }, (_, index) => `${who} ${index + 1}`)
        const all = ['Question', 'Hers', 'His', 'Hers again'].flatMap(said).sort()
        for (const page of [ada, bob]) {
          await soon(async () => {
            const lines = await transcript(page)
            return lines
              .map((line) => line.replace(/^\d+ /, ''))
              .filter((line) => !/^(Words|w0|$)/.test(line))
              .sort()
          }).toEqual(all)
          expect(await page.locator('[data-unsent]').count()).toBe(0)
          await replies(page, 'WRITING').getByText(wordsUpTo(words.told), { exact: true }).waitFor(patience)
          await soon(() => page.locator('.people [data-here="true"]').count()).toBe(2)
        }
        expect(await transcript(bob)).toEqual(await transcript(ada))
      },
      async end(round) {
        for (const page of [ada, bob]) await soon(() => replies(page, 'COMPLETED').count()).toBe(round)
      },
    },
    {
      async act(round) {
        await list.getByLabel('What is it about?').fill(`Begun ${round}`)
        await list.getByRole('button', { name: 'Begin a session' }).click()
      },
      async shows(round) {
        await list.getByRole('heading', { name: `Begun ${round}`, level: 1 }).waitFor(patience)
        await list.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Sessions' }).click()
        await soon(() => list.getByRole('link', { name: /^Begun/ }).count()).toBe(round)
      },
    },
  ]
}

/** A project is being written, another one is edited and synced. */
async function openProjects(scene: Scene, open: Open): Promise<StudioPage[]> {
  const { ask, url, world, words, token } = scene
  const page = (text: string): string =>
    `<!doctype html>\n<html lang="en">\n<title>Edited</title>\n<p>${text}</p>\n</html>\n`
  words.end()
  const { documents } = await ask<{ documents: { nodes: { id: string }[] } }>(
    '{ documents(first: 1) { nodes { id } } }',
  )
  const asAda: typeof world = { ...world, query: (query, variables) => world.query(query, variables, token) }
  const edited = await makeProject(asAda, documents.nodes[0]?.id ?? '', [
    { path: 'index.html', content: page('Edition 0') },
  ])
  const making = await open('/?page=projects')
  const editing = await open(`/?project=${edited.id}`)
  return [
    {
      async begin() {
        const { generateProject } = await ask<{ generateProject: { project: { id: string } } }>(
          'mutation { generateProject(input: { prompt: "words" }) { ... on GenerateProjectSuccess { project { id } } } }',
        )
        await making.goto(`${url}/?project=${generateProject.project.id}`)
      },
      async shows() {
        await soon(() => making.getByLabel('index.html', { exact: true }).inputValue()).toMatch(
          new RegExp(`<p>${wordsUpTo(words.told)}\\s*$`),
        )
      },
      async end() {
        await making.frameLocator('iframe').getByText(wordsUpTo(words.told), { exact: true }).waitFor(patience)
      },
    },
    {
      async act(round) {
        const editor = editing.getByLabel('Content of index.html')
        await editor.fill(page(`Edition ${round}`))
        await editor.press('Control+s')
      },
      async shows(round) {
        await editing.frameLocator('iframe').getByText(`Edition ${round}`, { exact: true }).waitFor(patience)
        // Generated, and synced once before.
        await editing.getByText(`, version ${round + 2}`).waitFor(patience)
      },
    },
  ]
}

/** The notifications; the latest one is marked as read. */
async function openInbox(open: Open): Promise<StudioPage[]> {
  const page = await open('/?page=inbox')
  const main = page.getByRole('main')
  const unread = (round: number) => main.getByRole('button', { name: `Mark as read: Told ${round}` })
  return [
    {
      act: async (round) => (round > 1 ? unread(round - 1).click() : undefined),
      async shows(round) {
        await unread(round).waitFor(patience)
        expect(await main.getByText(`Told ${round}`, { exact: true }).count()).toBe(1)
        if (round > 1) await unread(round - 1).waitFor({ ...patience, state: 'detached' })
      },
    },
  ]
}

/** Figures of quizzes, and the connections. */
async function openFigures(scene: Scene, open: Open, countTabs: () => number): Promise<StudioPage[]> {
  const analytics = await open('/?page=analytics')
  const connections = await open('/?page=connections')
  const tile = (name: string) => analytics.locator('.tile', { hasText: name }).locator('dd')
  return [
    {
      async shows(round) {
        await soon(() => tile('Generated').textContent()).toMatch(
          new RegExp(`^${reviewed * round + scene.questions}\\b`),
        )
        await soon(() => tile('Accepted').textContent()).toMatch(new RegExp(`^${round}\\b`))
      },
    },
    {
      shows: () =>
        soon(() => connections.locator('.admin-figure', { hasText: 'WebSocket' }).locator('dd').textContent()).toBe(
          String(countTabs()),
        ),
    },
  ]
}

/** The home page, with the panel open. */
async function openHome(open: Open): Promise<StudioPage[]> {
  const page = await open('/')
  const status = page.getByRole('button', { name: /^Status/ })
  const tells = (count: string) => page.getByRole('button', { name: `Status: Live, ${count}` })
  return [
    {
      async begin() {
        if ((await status.getAttribute('aria-expanded')) !== 'true') await status.click()
        await tells('4 active tasks').waitFor(patience)
      },
      // The piece, the reply, the quiz and the project.
      shows: () => tells('4 active tasks').waitFor(patience),
      end: () => tells('no active tasks').waitFor(patience),
    },
  ]
}
