import type { Page } from 'playwright-core'

/** Writes a message on a session's page. */
export async function write(page: Page, message: string, options: { readonly isAsked?: boolean } = {}): Promise<void> {
  await page.getByLabel('With an answer from the cards').setChecked(options.isAsked === true)
  await page.getByLabel('Message', { exact: true }).fill(message)
  await page.keyboard.press('Enter')
}

/** Returns the shown messages that are stored in the session, in order, without the time. */
export function transcript(page: Page): Promise<readonly string[]> {
  return page
    .locator('.messages > .message:not([data-unsent])')
    .evaluateAll((items) =>
      items.map(
        (item) =>
          `${item.getAttribute('data-position')} ${(item.querySelector('.message-body, .prose')?.textContent ?? '').replace(/\s+/g, ' ').trim()}`,
      ),
    )
}
