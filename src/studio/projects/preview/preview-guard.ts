/**
 * Runs in a page before its own scripts. Removes WebRTC, which no policy of the preview covers:
 * `connect-src` does not apply to it, and Chromium (156) implements neither the CSP directive
 * `webrtc` nor a permission. Also removes nested frames, which are forbidden (`frame-src`) but for
 * `srcdoc` and `javascript:`, and would have a WebRTC of their own.
 */
const guard = `(() => {
  for (const name of Object.getOwnPropertyNames(window)) if (/^(webkit)?RTC/.test(name)) delete window[name];
  delete Element.prototype.setHTMLUnsafe;
  delete ShadowRoot.prototype.setHTMLUnsafe;
  const frames = 'iframe, frame, object, embed, fencedframe';
  const remove = (node) => {
    if (node.nodeType !== 1) return;
    for (const frame of node.querySelectorAll(frames)) frame.remove();
    if (node.matches(frames)) node.remove();
  };
  const observe = (root) =>
    new MutationObserver((records) => {
      for (const { addedNodes } of records) addedNodes.forEach(remove);
    }).observe(root, { childList: true, subtree: true });
  observe(document);
  const { attachShadow } = Element.prototype;
  Element.prototype.attachShadow = function (options) {
    const root = attachShadow.call(this, options);
    observe(root);
    return root;
  };
})()`
const element = `<script>${guard.replaceAll(/\s*\n\s*/g, ' ')}</script>`

/**
 * Inserts the guard into a page, before every other element: behind the doctype, without which the
 * page would be in quirks mode, and without a line break, so that the lines of the page keep their
 * numbers.
 */
export function guardPage(html: string): string {
  const at = endOfDoctype(html)
  return html.slice(0, at) + element + html.slice(at)
}

/** Returns the offset behind the doctype and the comments before it; 0 without a doctype. */
function endOfDoctype(html: string): number {
  let at = 0
  for (;;) {
    at += /^\s*/.exec(html.slice(at, at + maxBlanks))?.[0].length ?? 0
    if (!html.startsWith('<!--', at)) break
    const end = html.indexOf('-->', at + 4)
    if (end < 0) return 0
    at = end + 3
  }
  const end = html.indexOf('>', at)
  return /^<!doctype$/i.test(html.slice(at, at + 9)) && end > 0 ? end + 1 : 0
}

/** Blanks between comments that are skipped; a page with more of them is in quirks mode. */
const maxBlanks = 1_000
