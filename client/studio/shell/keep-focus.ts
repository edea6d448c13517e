const focusable = 'a[href], button, input, select, textarea, summary, iframe, [tabindex="0"]'

/**
 * Preserves the focus of keyboard users. When the focused element is removed, the nearest element
 * after it gets the focus. When it is disabled temporarily, as a button is while its request is
 * pending, it gets the focus back afterwards. Browsers drop the focus in both cases, and with it
 * the reading position of a screen reader.
 *
 * @returns a function that stops it
 */
export function keepFocus(): () => void {
  let last: Element | null = null
  let isByKeyboard = false
  const onFocusIn = ({ target }: FocusEvent): void => {
    last = target instanceof Element ? target : null
  }
  const onFocusOut = ({ target, relatedTarget }: FocusEvent): void => {
    if (relatedTarget !== null) return
    // An element that is still focusable afterwards was blurred intentionally.
    queueMicrotask(() => {
      if (last === target && last !== null && canTakeFocus(last)) last = null
    })
  }
  const onKeyDown = (): void => {
    isByKeyboard = true
  }
  const onPointerDown = (): void => {
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
  document.addEventListener('focusin', onFocusIn)
  document.addEventListener('focusout', onFocusOut)
  document.addEventListener('keydown', onKeyDown, true)
  document.addEventListener('pointerdown', onPointerDown, true)
  return () => {
    observer.disconnect()
    document.removeEventListener('focusin', onFocusIn)
    document.removeEventListener('focusout', onFocusOut)
    document.removeEventListener('keydown', onKeyDown, true)
    document.removeEventListener('pointerdown', onPointerDown, true)
  }
}

function canTakeFocus(element: Element): boolean {
  return element.isConnected && !element.matches(':disabled') && element.checkVisibility({ visibilityProperty: true })
}

/**
 * Finds the replacement for a removed element: in the smallest ancestor with focusable elements,
 * the next one, otherwise the last one.
 */
function nextTo(removedElement: Element, records: readonly MutationRecord[]): Element | null {
  const removal = records.find(
    ({ target, removedNodes }) => target.isConnected && [...removedNodes].some((node) => node.contains(removedElement)),
  )
  if (removal === undefined) return null
  const { target, previousSibling } = removal
  // Positions are compared with the previous sibling, not the next one: an element inserted as the
  // replacement comes before the next one.
  const isAfter = (element: Element): boolean =>
    previousSibling?.isConnected === true
      ? isBefore(previousSibling, element) && !previousSibling.contains(element)
      : isBefore(target, element)
  for (let around = target instanceof Element ? target : null; around !== null; around = around.parentElement) {
    const inside = [...around.querySelectorAll(focusable)].filter(canTakeFocus)
    const neighbor = inside.find(isAfter) ?? inside.at(-1)
    if (neighbor !== undefined) return neighbor
    if (around.hasAttribute('tabindex')) return around
  }
  return null
}

function isBefore(node: Node, reference: Node): boolean {
  return (node.compareDocumentPosition(reference) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0
}
