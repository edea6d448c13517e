import { declareItems, type FailureState, item, type Report, type TaskItem } from '../../../engine.ts'

/** Every event of an item is a row of the log: pages of longer documents share items. */
const maxItems = 100

/** Reports the pages of a document as items of its task. */
export interface PageItems {
  readonly declared: Report
  /** Returns the reports for a finished page; pages must come in order, from 1. */
  done(page: number, isBroken: boolean): readonly Report[]
}

/**
 * Maps pages to items: one each up to 100 pages; longer documents get 100 items of several pages.
 *
 * @param labels - the labels of the pages
 * @param previousItems - the items of earlier attempts; completed ones are not reported again
 */
export function createPageItems(labels: readonly string[], previousItems: readonly TaskItem[]): PageItems {
  const size = Math.ceil(labels.length / maxItems)
  const completedKeys = new Set(previousItems.flatMap(({ key, status }) => (status === 'COMPLETED' ? [key] : [])))
  const items = Array.from({ length: Math.ceil(labels.length / Math.max(1, size)) }, (_, index) => {
    const first = index * size + 1
    const last = Math.min(labels.length, first + size - 1)
    const labelOf = (page: number): string => labels[page - 1] ?? String(page)
    return first === last
      ? { key: `page-${first}`, label: `Page ${labelOf(first)}`, last }
      : { key: `pages-${first}-${last}`, label: `Pages ${labelOf(first)}–${labelOf(last)}`, last }
  })
  let brokenPages: number[] = []
  return {
    declared: declareItems(items.map(({ key, label }) => ({ key, label }))),
    done(page, isBroken) {
      if (isBroken) brokenPages.push(page)
      const own = items[Math.floor((page - 1) / Math.max(1, size))]
      if (own === undefined || page < own.last) return []
      const failed = brokenPages
      brokenPages = []
      if (failed.length > 0) return [item.failed(own.key, toFailure(failed))]
      return completedKeys.has(own.key) ? [] : [item.completed(own.key)]
    },
  }
}

function toFailure(pages: readonly number[]): FailureState {
  return {
    code: 'PAGE_UNREADABLE',
    message: `${pages.length === 1 ? 'Page' : 'Pages'} ${pages.join(', ')} could not be read; the file is damaged there.`,
    retryable: false,
    advice: 'Save the document anew from where it is whole, and import that file.',
  }
}
