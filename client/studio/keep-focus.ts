const focusable = 'a[href], button, input, select, textarea, summary, iframe, [tabindex="0"]'

/**
 * Keeps the focus of those who use the keyboard: when what has it is taken away, what comes next gets it, as close by as can be; when it
 * is disabled for a moment, as a button is while its answer is waited for, it has it again afterwards. Browsers give it to nobody, and
 * with it the place where a screen reader reads.
 *
 * @returns what ends it
 */
export function keepFocus(): () => void {
  let last: Element | null = null
  let isByKeyboard = false
  const focused = ({ target }: FocusEvent): void => {
    last = target instanceof Element ? target : null
  }
  const blurred = ({ target, relatedTarget }: FocusEvent): void => {
    if (relatedTarget !== null) return
    // What is still there in the end was left on purpose.
    queueMicrotask(() => {
      if (last === target && last !== null && canTakeFocus(last)) last = null
    })
  }
  const pressed = (): void => {
    isByKeyboard = true
  }
  const pointed = (): void => {
    isByKeyboard = false
  }
  const observer = new MutationObserver((records) => {
    if (last === null || !isByKeyboard || (document.activeElement ?? document.body) !== document.body) return
    const place = last.isConnected ? last : nextTo(last, records)
    if (place instanceof HTMLElement && canTakeFocus(place)) place.focus()
  })
  observer.observe(document.body, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ['disabled', 'hidden'],
  })
  document.addEventListener('focusin', focused)
  document.addEventListener('focusout', blurred)
  document.addEventListener('keydown', pressed, true)
  document.addEventListener('pointerdown', pointed, true)
  return () => {
    observer.disconnect()
    document.removeEventListener('focusin', focused)
    document.removeEventListener('focusout', blurred)
    document.removeEventListener('keydown', pressed, true)
    document.removeEventListener('pointerdown', pointed, true)
  }
}

function canTakeFocus(element: Element): boolean {
  return element.isConnected && !element.matches(':disabled') && element.checkVisibility({ visibilityProperty: true })
}

/** What takes the place of an element that is gone: in the smallest surrounding that has something, what follows, or else what precedes. */
function nextTo(gone: Element, records: readonly MutationRecord[]): Element | null {
  const removal = records.find(
    ({ target, removedNodes }) => target.isConnected && [...removedNodes].some((node) => node.contains(gone)),
  )
  if (removal === undefined) return null
  const { target, previousSibling } = removal
  // Not what followed: what was put in its place would stand before that.
  const isAfter = (element: Element): boolean =>
    previousSibling?.isConnected === true
      ? isBefore(previousSibling, element) && !previousSibling.contains(element)
      : isBefore(target, element)
  for (let around = target instanceof Element ? target : null; around !== null; around = around.parentElement) {
    const inside = [...around.querySelectorAll(focusable)].filter(canTakeFocus)
    const found = inside.find(isAfter) ?? inside.at(-1)
    if (found !== undefined) return found
    if (around.hasAttribute('tabindex')) return around
  }
  return null
}

function isBefore(one: Node, other: Node): boolean {
  return (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0
}
