const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** Replaces the character references of XML with their characters. */
export function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(lt|gt|amp|quot|apos));/gi, (_, decimal, hex, name: string) => {
    if (name !== undefined) return entities[name.toLowerCase()] ?? ''
    const code = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : ''
  })
}

/** Value of an attribute in a tag; undefined when it is missing. */
export function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(tag)
  return value === null ? undefined : decodeEntities(value[1] ?? value[2] ?? '')
}

/** The value of the first element with a name. */
export function valueIn(xml: string, name: string): string | undefined {
  return attribute(new RegExp(`<w:${name}\\s[^>]*>`).exec(xml)?.[0] ?? '', 'w:val')
}

/** Escapes a text for the content of an element. */
export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A run of a paragraph that contains only a text. */
export const runOf = (text: string): string => `<w:r><w:t xml:space="preserve">${escapeXml(text)}</w:t></w:r>`
