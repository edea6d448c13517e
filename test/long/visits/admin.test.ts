import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { openPage } from '../../e2e/support/page.ts'
import { startWebProxy } from '../../e2e/support/web-proxy.ts'
import { startWorld, type World } from '../../e2e/support/world.ts'
import { openStream } from '../../server/sse/sse.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([shareBrowser(), startWorld()])
})
afterAll(() => world?.[Symbol.asyncDispose]())

describe('the page of administrators', () => {
  test('shows connections over two transports, their subscriptions and their end, and refusals', async () => {
    let release: (() => void) | undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    world.model.answer = async function* () {
      await held
      yield 'text'
    }
    const { taskId } = await world.startRoadmap()
    await using admin = await openPage(browser, `${world.url}/?page=connections`)
    const { page } = admin
    const figure = (name: string) => page.locator('.admin-figure', { hasText: name }).locator('dd')
    const clients = page.getByRole('region', { name: 'Connections' }).getByRole('row')
    // Its own connection.
    await clients.filter({ hasText: 'WebSocket' }).waitFor()
    expect(await page.getByRole('link', { name: 'Connections' }).getAttribute('aria-current')).toBe('page')

    // A browser on a network that blocks sockets, and a program with an event stream.
    await using proxy = await startWebProxy(world.port)
    proxy.blockSockets = true
    await using other = await openPage(browser, `${proxy.url}/?page=connections`, { userAgent: 'Other Browser/1' })
    await other.page.getByRole('heading', { name: 'Connections', level: 1 }).waitFor()
    const query = 'subscription ($id: ID!) { taskProgress(taskId: $id) { __typename } }'
    const stream = await openStream(world.url, query, {
      variables: { id: taskId },
      headers: { 'user-agent': 'program/7' },
    })
    await clients.filter({ hasText: 'program 7' }).filter({ hasText: 'Event stream' }).waitFor()
    // One stream carries all subscriptions of a page.
    await clients.filter({ hasText: 'Other Browser' }).filter({ hasText: 'Event stream' }).waitFor()
    await page.getByRole('region', { name: 'By topic' }).getByText(`task:${taskId}`).waitFor()
    await page.getByRole('region', { name: 'By field' }).getByText('taskProgress').waitFor()
    await expect.poll(() => figure('Event stream').textContent()).toBe('2')

    await stream[Symbol.asyncDispose]()
    await other.page.close()
    await clients.filter({ hasText: 'program 7' }).waitFor({ state: 'detached' })
    await clients.filter({ hasText: 'Other Browser' }).waitFor({ state: 'detached' })
    await expect.poll(() => figure('Event stream').textContent()).toBe('0')

    const log = page.getByRole('region', { name: 'Audit log' })
    await log
      .getByRole('row')
      .filter({ hasText: 'Subscribed' })
      .filter({ hasText: taskId })
      .filter({ hasText: 'program 7' })
      .waitFor()
    const refused = await fetch(`${world.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://evil.example' },
      body: '{"query":"{ __typename }"}',
    })
    expect(refused.status).toBe(403)
    await log.getByRole('row').filter({ hasText: 'Refused' }).filter({ hasText: 'evil.example' }).waitFor()
    await log.getByLabel('Event').selectOption('REFUSED')
    await expect.poll(() => log.getByRole('row').count()).toBe(2)
    release?.()
    expect(admin.errors).toEqual([])
  })

  test('fits a phone', async () => {
    await using opened = await openPage(browser, `${world.url}/?page=connections`, {
      colorScheme: 'dark',
      viewport: { width: 390, height: 844 },
    })
    const { page } = opened
    await page.getByRole('region', { name: 'Connections' }).getByRole('row').nth(1).waitFor()
    const width = await page.evaluate('document.documentElement.scrollWidth')
    expect(width).toBe(390)
    expect(opened.errors).toEqual([])
  })
})
